//! Rules for `hooks`.
//! Runs in: the parent, while a configuration is checked.

use super::no_nul;
use crate::refusal::Refusal;
use crate::spec::{Hook, Hooks};

pub(super) fn check(hooks: Option<&Hooks<'_>>) -> Result<(), Refusal> {
    let Some(hooks) = hooks else { return Ok(()) };
    for (kind, list) in [
        ("prestart", &hooks.prestart),
        ("createRuntime", &hooks.create_runtime),
        ("createContainer", &hooks.create_container),
        ("startContainer", &hooks.start_container),
        ("poststart", &hooks.poststart),
        ("poststop", &hooks.poststop),
    ] {
        for (i, hook) in list.iter().enumerate() {
            one(hook, &format!("hooks.{kind}[{i}]"))?;
        }
    }
    Ok(())
}

fn one(hook: &Hook<'_>, at: &str) -> Result<(), Refusal> {
    if !hook.path.starts_with('/') {
        return Err(Refusal::at(format!("{at}.path"), format!("{:?} is not absolute", &*hook.path)));
    }
    if let Some(timeout) = hook.timeout.filter(|&timeout| timeout <= 0) {
        return Err(Refusal::at(format!("{at}.timeout"), format!("{timeout} is not greater than 0")));
    }
    no_nul(format_args!("{at}.path"), &hook.path)?;
    for (field, list) in [("args", &hook.args), ("env", &hook.env)] {
        for (i, text) in list.iter().enumerate() {
            no_nul(format_args!("{at}.{field}[{i}]"), text)?;
        }
    }
    Ok(())
}
