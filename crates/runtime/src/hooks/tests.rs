//! What is promised of hooks, with the shell as the hook.

use std::fs;

use super::*;
use crate::error::Kind;
use crate::record::tests::text;
use crate::store::tests::Scratch;

fn script(script: &str) -> ParentHook<'static> {
    ParentHook {
        path: text("/bin/sh"),
        args: vec![text("sh"), text("-c"), text(script)],
        env: Some(vec![text("PATH=/usr/bin:/bin")]),
        timeout: Some(20_000),
    }
}

fn words(hook: ParentHook<'_>) -> String {
    let error = run(Hooks::CreateRuntime, &[hook], b"{}", None).unwrap_err();
    assert_eq!(error.kind(), &Kind::Hook);
    error.to_string().strip_prefix("error running createRuntime hook #0: ").unwrap().to_owned()
}

#[test]
fn a_hook_reads_the_document_to_its_end() {
    let scratch = Scratch::new();
    let out = scratch.path().join("out").display().to_string();
    for document in [Vec::new(), b"{\"id\":\"a\"}".to_vec(), vec![b'x'; 1_000_000]] {
        run(Hooks::Prestart, &[script(&format!("cat > {out}"))], &document, None).unwrap();
        assert!(fs::read(&out).unwrap() == document);
        run(Hooks::Prestart, &[script(&format!("cat /dev/stdin > {out}"))], &document, None).unwrap();
        assert!(fs::read(&out).unwrap() == document);
    }
}

#[test]
fn a_hook_that_reads_nothing_of_a_large_document_succeeds() {
    let large = vec![b'x'; 1_000_000];
    run(Hooks::Prestart, &[script("exit 0")], &large, None).unwrap();
    run(Hooks::Prestart, &[script("exec <&-; sleep 0.05")], &large, None).unwrap();
    run(Hooks::Prestart, &[script("read -n 5 x 2>/dev/null || head -c 5 >/dev/null")], &large, None).unwrap();
}

#[test]
fn a_hook_that_fails_is_quoted() {
    let failing = script("printf 'out\\n'; printf 'err\\n' >&2; exit 3");
    assert_eq!(words(failing), "exit status 3, stdout: out\n, stderr: err\n");
    assert_eq!(words(script("kill -KILL $$")), "signal: killed, stdout: , stderr: ");
    assert_eq!(words(script("kill -TERM $$")), "signal: terminated, stdout: , stderr: ");
}

#[test]
fn a_hook_that_cannot_be_executed_says_why() {
    let hook = |path| ParentHook { path: text(path), args: Vec::new(), env: None, timeout: None };
    let first = |hook| words(hook).split(';').next().unwrap_or_default().to_owned();
    assert_eq!(first(hook("/nonexist")), "fork/exec /nonexist: no such file or directory");
    assert_eq!(first(hook("/etc/passwd")), "fork/exec /etc/passwd: permission denied");
    assert_eq!(first(hook("sh")), "fork/exec sh: no such file or directory");
    let nowhere = Some(Path::new("/nonexist"));
    let error = run(Hooks::Poststop, &[hook("/bin/true")], b"", nowhere).unwrap_err();
    assert_eq!(
        error.to_string(),
        "error running poststop hook #0: chdir /nonexist: no such file or directory"
    );
}

#[test]
fn a_hook_that_runs_too_long_is_killed() {
    let started = Instant::now();
    for hook in ["exec sleep 60", "exec sleep 60 >&- 2>&-", "while :; do echo flood; done"] {
        let hook = ParentHook { timeout: Some(200), ..script(hook) };
        assert_eq!(words(hook), "hook ran past specified timeout of 0.2s");
    }
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn of_a_flood_the_beginning_is_kept_and_the_hook_is_not_blocked() {
    let flood =
        script("head -c 3000000 /dev/zero | tr '\\0' x; head -c 3000000 /dev/zero | tr '\\0' y >&2; exit 1");
    let words = words(flood);
    let (out, err) = (words.matches('x').count(), words.matches('y').count());
    // "exit status 1" has an x of its own.
    assert!((KEPT..KEPT + 2).contains(&(out - 1)) && (KEPT..KEPT + 2).contains(&err), "{out} {err}");
}

#[test]
fn what_a_hook_leaves_in_the_background_is_not_waited_for() {
    let scratch = Scratch::new();
    let fifo = scratch.path().join("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let held = fs::File::options().read(true).write(true).open(&fifo).unwrap();
    // It has the hook's standard output and error for as long as we hold the FIFO.
    run(Hooks::Poststart, &[script(&format!("exec 3<{}; cat <&3 & exit 0", fifo.display()))], b"", None)
        .unwrap();
    drop(held);
}

#[test]
fn argv_environment_and_directory_are_those_given() {
    let scratch = Scratch::new();
    let out = scratch.path().join("out").display().to_string();
    let mut hook =
        script(&format!("printf '%s|' \"$0\" \"$@\" \"$A\" \"${{HOME-none}}\" \"$(pwd)\" > {out}"));
    hook.args[0] = text("name");
    hook.args.extend([text("zero"), text("one two"), text("")]);
    hook.env = Some(vec![text("A=1=2"), text("malformed"), text("PATH=/usr/bin:/bin")]);
    run(Hooks::Prestart, std::slice::from_ref(&hook), b"", Some(scratch.path())).unwrap();
    let said = fs::read_to_string(&out).unwrap();
    let real = fs::canonicalize(scratch.path()).unwrap().display().to_string();
    assert_eq!(said, format!("zero|one two||1=2|none|{real}|"));
    let caller = script(&format!("printf %s \"$PATH\" > {out}"));
    run(Hooks::Prestart, &[ParentHook { env: None, ..caller }], b"", None).unwrap();
    assert_eq!(fs::read_to_string(&out).unwrap(), std::env::var("PATH").unwrap());
}

#[test]
fn the_first_hook_that_fails_is_named_and_is_the_last_to_run() {
    let scratch = Scratch::new();
    let touch = |name: &str| script(&format!("touch {}", scratch.path().join(name).display()));
    let hooks = [touch("0"), script("exit 1"), touch("2")];
    let error = run(Hooks::Poststart, &hooks, b"", None).unwrap_err();
    assert_eq!(error.to_string(), "error running poststart hook #1: exit status 1, stdout: , stderr: ");
    assert!(scratch.path().join("0").exists() && !scratch.path().join("2").exists());
}
