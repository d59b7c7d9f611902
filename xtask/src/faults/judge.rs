//! Whether what came of an act is right.

use nix::libc;

use super::acts::{Act, Makes};
use super::errors;
use super::scene::Played;
use super::tracer::{Blow, Site};

/// The exit code of who runs what was killed.
const KILLED: i32 = 137;

/// The exit code of who gave up (SIGABRT).
const ABORTED: i32 = 134;

/// What is wrong with what came of `act`; empty if nothing is. `unharmed` is what comes of it otherwise.
pub(super) fn complaints(act: &Act, blow: (Site, Blow), played: &Played, unharmed: &str) -> Vec<String> {
    let mut wrong = of_the_end(played);
    match &played.outcome {
        Some(Ok(now)) if now == unharmed => {}
        // Behind the gate nobody hears of it; what was killed there is a container that was killed.
        Some(_) if behind_gate(act, blow, played) => {}
        // What one terminal does not give, or the other does not take, is lost.
        Some(Ok(now)) if lost_words(act, blow.0) && is_part(now, unharmed) => {}
        Some(Ok(now)) => {
            let difference = difference(unharmed, now, blow);
            if !difference.is_empty() {
                wrong.push(format!("other walls, and no failure: {difference}"));
            }
        }
        Some(Err(reason)) => wrong.push(reason.clone()),
        None => wrong.extend(of_failure(act, blow, played)),
    }
    wrong.extend(played.unexplained.iter().map(|what| format!("state does not explain it: {what}")));
    if played.state.code == -1 {
        wrong.push("state never ends".to_owned());
    }
    wrong
}

/// What is wrong whatever was done: it hangs, or cannot be cleaned up after.
pub(super) fn of_the_end(played: &Played) -> Vec<String> {
    let mut wrong = Vec::new();
    if played.traced.hung {
        wrong.push("it never ends".to_owned());
    }
    if let Some(said) = &played.not_deleted {
        wrong.push(format!("delete --force fails: {}", said.trim()));
    }
    wrong.extend(played.left.iter().map(|what| format!("delete --force leaves {what}")));
    wrong
}

/// Whether what was struck is a `brig-init` that nobody listens to any more: it never became the user's program.
fn behind_gate(act: &Act, (site, blow): (Site, Blow), played: &Played) -> bool {
    // Where processors are slow it has not come to the gate yet when `create` has ended.
    if site.process > 0 && matches!(&played.outcome, Some(Err(reason)) if has_ended(reason)) {
        return true;
    }
    let nothing_ran = match &played.outcome {
        Some(Ok(walls)) => walls.is_empty(),
        Some(Err(_)) => played.state.said.contains("\"stopped\""),
        None => false,
    };
    site.process > 0 && nothing_ran && (act.name == "start" || blow == Blow::Kill)
}

/// Whether what failed may have been brig that hands on to the terminal it runs in what its container printed.
fn lost_words(act: &Act, site: Site) -> bool {
    let hands_on = errors::is_said_with(site.call) || site.call == libc::SYS_read;
    act.is_in_terminal() && site.process == 0 && hands_on
}

/// Whether every character of `part` is in `whole`, in the same order.
fn is_part(part: &str, whole: &str) -> bool {
    let mut whole = whole.chars();
    part.chars().all(|wanted| whole.any(|character| character == wanted))
}

/// Whether `start` says that who waited at the gate has ended: before it looked, or while it did.
fn has_ended(said: &str) -> bool {
    ["cannot start a container that has stopped", "container process is already dead"]
        .iter()
        .any(|words| said.contains(words))
}

fn of_failure(act: &Act, (site, blow): (Site, Blow), played: &Played) -> Vec<String> {
    let mut wrong = Vec::new();
    // Rust ends a program that finds no memory, too.
    let died = errors::is_memory(site.call) || errors::is_of_the_library(&played.errors);
    let itself = site.process == 0 || played.traced.signal == Some(libc::SIGKILL);
    // Behind the gate it has its own standard error; who starts it finds it ended, if late enough.
    if !itself && act.name == "start" && has_ended(&played.errors) {
        return wrong;
    }
    // Who runs in the foreground ends as what it runs.
    let as_payload = blow == Blow::Kill && act.makes == Makes::Walls && played.traced.code == KILLED;
    if blow == Blow::Kill && itself || died && played.traced.code == ABORTED || as_payload {
        return wrong;
    }
    // Who runs a container and cannot wait for its end: it was there, and goes with its devices.
    let was_there = played.errors.contains("brig run failed: poll: ");
    wrong.extend(played.not_given_back.clone().filter(|_| !was_there));
    wrong.extend(played.left_by_itself.iter().map(|what| format!("it leaves {what}")));
    let message = played.errors.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    let is_payload = (act.makes == Makes::Walls || act.name.starts_with("run")) && played.traced.code == 255;
    if played.traced.code != act.fails_with && !is_payload {
        wrong.push(format!("it ends with {}: {message}", played.traced.code));
    }
    if message.is_empty() {
        wrong.push("it says nothing".to_owned());
    }
    if played.errors.contains("panicked") {
        wrong.push(format!("it panics: {}", played.errors.trim()));
    }
    if let Blow::Fail(errno) = blow
        && !message.contains(errors::words_of_error(errno))
        && !is_of_a_thread(message)
    {
        wrong.push(format!("it does not name the error: {message}"));
    }
    wrong
}

/// Whether no thread could be started: for whatever that lacks, pthread_create(3) says EAGAIN.
fn is_of_a_thread(message: &str) -> bool {
    message.contains("start a thread: resource temporarily unavailable")
}

/// The first lines that differ, where they may not.
fn difference(then: &str, now: &str, (site, blow): (Site, Blow)) -> String {
    let denied = |calls: &[&str]| {
        blow == Blow::Fail(libc::EPERM) && calls.contains(&errors::name_of_call(site.call).as_ref())
    };
    // Where no node may be made, the host's own is bound, and masks what the other would have masked.
    let bound = denied(&["mknodat"]);
    // Where cgroups may not be mounted, the host's are bound, and keep the name that they have there.
    let renamed = denied(&["mount", "fchdir"]);
    let wall = |line: &str| match line.split(' ').collect::<Vec<_>>()[..] {
        ["/", path, flags, "-", "cgroup2", _, options] if renamed => {
            format!("cgroup2 {path} {flags} {options}")
        }
        ["/null", path, ..] if bound && path.starts_with("/proc") => format!("masked {path}"),
        [node, path, ..] if bound && path.strip_prefix("/dev") == Some(node) => String::new(),
        _ => line.to_owned(),
    };
    let (then, now): (Vec<_>, Vec<_>) = (then.lines().map(wall).collect(), now.lines().map(wall).collect());
    let gone = then.iter().filter(|wall| !now.contains(wall)).map(|wall| format!("- {wall}"));
    let new =
        now.iter().filter(|wall| !wall.is_empty() && !then.contains(wall)).map(|wall| format!("+ {wall}"));
    new.take(6).chain(gone.take(6)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_may_be_lost_on_a_terminal_and_none_may_be_new() {
        assert!(is_part("Uid:\nb", "Uid: 0\nGid: 0\nb"));
        assert!(!is_part("Uid: 1", "Uid: 0\nGid: 0"));
    }

    #[test]
    fn a_bound_node_is_the_same_wall_and_a_missing_mask_is_not() {
        let then = "/null /proc/keys rw - tmpfs tmpfs rw";
        let now = "/null /proc/keys rw - devtmpfs devtmpfs rw\n/null /dev/null rw - tmpfs dev rw";
        let site = Site { process: 1, call: libc::SYS_mknodat, nth: 1 };
        assert_eq!(difference(then, now, (site, Blow::Fail(libc::EPERM))), "");
        assert_eq!(difference(then, "", (site, Blow::Fail(libc::EPERM))), "- masked /proc/keys");
        assert!(!difference(then, now, (site, Blow::Fail(libc::EIO))).is_empty());
    }

    #[test]
    fn cgroups_of_the_host_may_have_another_name_and_no_other_flags() {
        let then = "/ /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw,nsdelegate";
        let blow = |call, errno| (Site { process: 2, call, nth: 8 }, Blow::Fail(errno));
        let (bound, wider) = (then.replace(" cgroup rw", " cgroup2 rw"), then.replace("ro,nosuid", "ro"));
        assert_eq!(difference(then, &bound, blow(libc::SYS_mount, libc::EPERM)), "");
        assert!(!difference(then, &wider, blow(libc::SYS_mount, libc::EPERM)).is_empty());
        assert!(!difference(then, &bound, blow(libc::SYS_mount, libc::EIO)).is_empty());
    }
}
