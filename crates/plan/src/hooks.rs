//! `hooks`: which process runs which hook, and with what environment.
//! Runs in: the parent; pure. The runtime and `brig-init` each run theirs, in their files of the same name.

use brig_handshake::Text;
use brig_handshake::hooks::{Hook, InitHooks};

use crate::plan::{ParentHook, ParentHooks, StateFacts};
use crate::refusal::Refusal;
use crate::spec::{self, Spec, Str};
use crate::state;
use crate::text::text;

/// The hooks that run in the runtime's namespaces.
pub(crate) fn of_parent<'a>(spec: &Spec<'_>) -> Result<ParentHooks<'a>, Refusal> {
    let none = spec::Hooks::default();
    let hooks = spec.hooks.as_ref().unwrap_or(&none);
    Ok(ParentHooks {
        prestart: each(&hooks.prestart, "hooks.prestart", parent_hook)?,
        create_runtime: each(&hooks.create_runtime, "hooks.createRuntime", parent_hook)?,
        poststart: each(&hooks.poststart, "hooks.poststart", parent_hook)?,
        poststop: each(&hooks.poststop, "hooks.poststop", parent_hook)?,
    })
}

/// The hooks that run inside. One of `startContainer` without an environment is to have that of the process, with the
/// `HOME` that `brig-init` finds.
pub(crate) fn of_init<'a>(spec: &Spec<'_>, facts: &StateFacts<'_>) -> Result<InitHooks<'a>, Refusal> {
    let none = spec::Hooks::default();
    let hooks = spec.hooks.as_ref().unwrap_or(&none);
    let mut plan = InitHooks {
        create_container: each(&hooks.create_container, "hooks.createContainer", init_hook)?,
        start_container: each(&hooks.start_container, "hooks.startContainer", init_hook)?,
        creating: Text::default(),
        created: Text::default(),
        rest: Text::default(),
    };
    // Nobody else reads the document, so it is sent only where somebody does.
    if !plan.create_container.is_empty() || !plan.start_container.is_empty() {
        let pieces = state::pieces(facts);
        plan.creating = text(pieces.creating, format_args!("hooks"))?;
        plan.created = text(pieces.created, format_args!("hooks"))?;
        plan.rest = text(pieces.rest, format_args!("hooks"))?;
    }
    Ok(plan)
}

fn each<T>(
    hooks: &[spec::Hook<'_>],
    list: &str,
    plan: impl Fn(&spec::Hook<'_>, &str) -> Result<T, Refusal>,
) -> Result<Vec<T>, Refusal> {
    hooks.iter().enumerate().map(|(index, hook)| plan(hook, &format!("{list}[{index}]"))).collect()
}

fn parent_hook<'a>(hook: &spec::Hook<'_>, at: &str) -> Result<ParentHook<'a>, Refusal> {
    let env = texts(&hook.env, at, "env")?;
    Ok(ParentHook {
        path: text(&*hook.path, format_args!("{at}.path"))?,
        args: texts(&hook.args, at, "args")?,
        env: (!env.is_empty()).then_some(env),
        timeout: timeout(hook),
    })
}

fn init_hook<'a>(hook: &spec::Hook<'_>, at: &str) -> Result<Hook<'a>, Refusal> {
    let path = text(&*hook.path, format_args!("{at}.path"))?;
    let mut args = texts(&hook.args, at, "args")?;
    if args.is_empty() {
        args.push(path.clone());
    }
    Ok(Hook { path, args, env: texts(&hook.env, at, "env")?, timeout: timeout(hook) })
}

fn texts<'a>(values: &[Str<'_>], at: &str, field: &str) -> Result<Vec<Text<'a>>, Refusal> {
    values.iter().enumerate().map(|(i, value)| text(&**value, format_args!("{at}.{field}[{i}]"))).collect()
}

/// Milliseconds. A timeout that is beyond all waiting (49 days) is the longest there is.
fn timeout(hook: &spec::Hook<'_>) -> Option<u32> {
    hook.timeout.map(|seconds| u32::try_from(seconds.max(0).saturating_mul(1000)).unwrap_or(u32::MAX))
}
