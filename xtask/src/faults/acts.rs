//! The commands that are struck, and what has to be there before.

use super::bundles::Bundle;

/// One command in one situation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Act {
    /// The command's name first.
    pub(super) name: &'static str,
    pub(super) bundle: Bundle,
    /// Commands before it.
    pub(super) before: &'static [&'static str],
    /// The command itself. In all of them `ID`, `BUNDLE` and `PIDFILE` are put in.
    pub(super) command: &'static str,
    /// Commands after it that complete it.
    pub(super) after: &'static [&'static str],
    /// What there is when it has succeeded.
    pub(super) makes: Makes,
    /// The exit code of its failures.
    pub(super) fails_with: i32,
}

/// What there is when an act has succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Makes {
    /// The probe's words.
    Walls,
    /// A container in this state.
    State(&'static str),
    /// Nothing at all.
    Nothing,
}

/// Waits until the container has stopped; no command of brig's.
pub(super) const UNTIL_STOPPED: &str = "until stopped";

const CREATE: &str = "create --pid-file PIDFILE --bundle BUNDLE ID";
const RUN_DETACHED: &str = "run --detach --bundle BUNDLE ID";
const START: &str = "start ID";

const fn act(name: &'static str, bundle: Bundle, command: &'static str, makes: Makes) -> Act {
    Act { name, bundle, before: &[], command, after: &[], makes, fails_with: 1 }
}

/// All of them.
pub(super) const ACTS: [Act; 16] = [
    Act { after: &[START, UNTIL_STOPPED], ..act("create", Bundle::Probe, CREATE, Makes::Walls) },
    Act {
        after: &[START, UNTIL_STOPPED],
        ..act("create, user namespace", Bundle::UserNamespace, CREATE, Makes::Walls)
    },
    Act { after: &[START, UNTIL_STOPPED], ..act("create, network", Bundle::Network, CREATE, Makes::Walls) },
    Act { before: &[CREATE], after: &[UNTIL_STOPPED], ..act("start", Bundle::Network, START, Makes::Walls) },
    act("run", Bundle::Probe, "run --bundle BUNDLE ID", Makes::Walls),
    act("run --detach", Bundle::Sleep, RUN_DETACHED, Makes::State("running")),
    Act {
        before: &[RUN_DETACHED],
        fails_with: 255,
        ..act("exec", Bundle::Sleep, "exec ID /bin/probe", Makes::Walls)
    },
    Act {
        before: &[RUN_DETACHED],
        fails_with: 255,
        ..act("exec, user namespace", Bundle::UserNamespaceSleep, "exec ID /bin/probe", Makes::Walls)
    },
    Act {
        before: &[CREATE, START, UNTIL_STOPPED],
        ..act("delete, stopped", Bundle::Network, "delete ID", Makes::Nothing)
    },
    Act { before: &[CREATE], ..act("delete --force, created", Bundle::Network, DELETE, Makes::Nothing) },
    Act { before: &[RUN_DETACHED], ..act("delete --force, running", Bundle::Sleep, DELETE, Makes::Nothing) },
    Act {
        before: &[RUN_DETACHED],
        ..act("delete --force, shared PID namespace", Bundle::SharedSleep, DELETE, Makes::Nothing)
    },
    Act {
        before: &[RUN_DETACHED, PAUSE],
        ..act("delete --force, paused", Bundle::Sleep, DELETE, Makes::Nothing)
    },
    Act { before: &[RUN_DETACHED], ..act("pause", Bundle::Sleep, PAUSE, Makes::State("paused")) },
    Act {
        before: &[RUN_DETACHED, PAUSE],
        ..act("resume", Bundle::Sleep, "resume ID", Makes::State("running"))
    },
    Act {
        before: &[RUN_DETACHED],
        after: &[UNTIL_STOPPED],
        ..act("kill", Bundle::Sleep, "kill ID KILL", Makes::State("stopped"))
    },
];

const DELETE: &str = "delete --force ID";
const PAUSE: &str = "pause ID";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_act_is_named_after_its_command() {
        for act in ACTS {
            let command = act.command.split(' ').next().unwrap();
            assert!(act.name.split([' ', ',']).next() == Some(command), "{}", act.name);
        }
    }
}
