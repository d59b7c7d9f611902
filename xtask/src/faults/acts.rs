//! The commands that are struck, and what has to be there before.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::bundles::Bundle;
use super::units;

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

/// Makes the device that is to move in; no command of brig's.
pub(super) const LEND: &str = "lend a device";

const CREATE: &str = "create --pid-file PIDFILE --bundle BUNDLE ID";
const RUN_DETACHED: &str = "run --detach --bundle BUNDLE ID";
const START: &str = "start ID";

const fn act(name: &'static str, bundle: Bundle, command: &'static str, makes: Makes) -> Act {
    Act { name, bundle, before: &[], command, after: &[], makes, fails_with: 1 }
}

/// All of them.
pub(super) const ACTS: [Act; 35] = [
    Act { after: &[START, UNTIL_STOPPED], ..act("create", Bundle::Probe, CREATE, Makes::Walls) },
    Act {
        after: &[START, UNTIL_STOPPED],
        ..act("create, user namespace", Bundle::UserNamespace, CREATE, Makes::Walls)
    },
    Act { after: &[START, UNTIL_STOPPED], ..act("create, network", Bundle::Network, CREATE, Makes::Walls) },
    Act { before: &[CREATE], after: &[UNTIL_STOPPED], ..act("start", Bundle::Network, START, Makes::Walls) },
    act("run", Bundle::Probe, "run --bundle BUNDLE ID", Makes::Walls),
    act("run, terminal", Bundle::Terminal, "run --bundle BUNDLE ID", Makes::Walls),
    Act {
        after: &[START, UNTIL_STOPPED],
        ..act(
            "create, terminal",
            Bundle::Terminal,
            "create --console-socket CONSOLE --bundle BUNDLE ID",
            Makes::Walls,
        )
    },
    Act {
        after: &[UNTIL_STOPPED],
        ..act(
            "run --detach, terminal",
            Bundle::Terminal,
            "run --detach --console-socket CONSOLE --bundle BUNDLE ID",
            Makes::Walls,
        )
    },
    act("run --detach", Bundle::Sleep, RUN_DETACHED, Makes::State("running")),
    Act {
        before: &[RUN_DETACHED],
        fails_with: 255,
        ..act("exec", Bundle::Sleep, "exec ID /bin/probe", Makes::Walls)
    },
    Act {
        before: &[RUN_DETACHED],
        fails_with: 255,
        ..act("exec, terminal", Bundle::Sleep, "exec --tty ID /bin/probe", Makes::Walls)
    },
    Act {
        before: &[RUN_DETACHED],
        fails_with: 255,
        ..act(
            "exec --detach, terminal",
            Bundle::Sleep,
            "exec --detach --tty --console-socket CONSOLE ID /bin/probe",
            Makes::Walls,
        )
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
    Act { before: &[RUN_DETACHED], ..act("update", Bundle::Sleep, UPDATE, Makes::State("running")) },
    Act {
        before: &[RUN_DETACHED],
        after: &[UNTIL_STOPPED],
        ..act("kill", Bundle::Sleep, "kill ID KILL", Makes::State("stopped"))
    },
    Act { before: &[RUN_DETACHED], ..act("checkpoint", Bundle::Dumped, CHECKPOINT, Makes::Nothing) },
    Act {
        before: &[RUN_DETACHED, CHECKPOINT],
        ..act("restore", Bundle::Dumped, RESTORE, Makes::State("running"))
    },
    Act {
        before: &[LEND],
        after: &[START, UNTIL_STOPPED],
        ..act("create, moved device", Bundle::Moved, "create --bundle BUNDLE ID", Makes::Walls)
    },
    Act {
        before: &[LEND],
        ..act("run, moved device", Bundle::Moved, "run --bundle BUNDLE ID", Makes::Walls)
    },
    Act {
        before: &[LEND, RUN_DETACHED],
        ..act("delete --force, moved device", Bundle::MovedSleep, DELETE, Makes::Nothing)
    },
    Act { after: &[START, UNTIL_STOPPED], ..act("create, unit", Bundle::Unit, CREATE, Makes::Walls) },
    Act {
        before: &[CREATE],
        after: &[UNTIL_STOPPED],
        ..act("start, unit", Bundle::Unit, START, Makes::Walls)
    },
    act("run, unit", Bundle::Unit, "run --bundle BUNDLE ID", Makes::Walls),
    act("run --detach, unit", Bundle::UnitSleep, RUN_DETACHED, Makes::State("running")),
    Act {
        before: &[RUN_DETACHED],
        fails_with: 255,
        ..act("exec, unit", Bundle::UnitSleep, "exec ID /bin/probe", Makes::Walls)
    },
    Act {
        before: &[CREATE, START, UNTIL_STOPPED],
        ..act("delete, stopped, unit", Bundle::Unit, "delete ID", Makes::Nothing)
    },
    Act {
        before: &[RUN_DETACHED],
        ..act("delete --force, running, unit", Bundle::UnitSleep, DELETE, Makes::Nothing)
    },
    Act {
        before: &[RUN_DETACHED],
        ..act("update, unit", Bundle::UnitSleep, UPDATE, Makes::State("running"))
    },
];

const DELETE: &str = "delete --force ID";
const PAUSE: &str = "pause ID";
const UPDATE: &str = "update --pids-limit 50 ID";
const CHECKPOINT: &str = "checkpoint --image-path IMAGES ID";
const RESTORE: &str = "restore --detach --image-path IMAGES --bundle BUNDLE ID";

impl Act {
    /// Whether there is no container before it.
    pub(super) fn makes_container(&self) -> bool {
        self.before.iter().all(|command| *command == LEND)
    }

    /// Whether what is printed is printed on a terminal.
    pub(super) fn has_terminal(&self) -> bool {
        self.name.ends_with(", terminal")
    }

    /// Whether that is the terminal of who types the command.
    pub(super) fn is_in_terminal(&self) -> bool {
        self.has_terminal() && !self.command.contains("CONSOLE")
    }

    /// Whether it takes so long that a sample goes without it.
    pub(super) fn is_slow(&self) -> bool {
        self.bundle == Bundle::Dumped
    }

    /// Why it cannot be played here.
    pub(super) fn obstacle(&self) -> Option<&'static str> {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let controllers = read("/sys/fs/cgroup/cgroup.controllers");
        let has_pids = controllers.contains("pids") || Path::new("/sys/fs/cgroup/pids").exists();
        let is_v2_alone = Path::new("/sys/fs/cgroup/cgroup.procs").exists();
        let is_dumped = self.bundle == Bundle::Dumped;
        // CRIU takes part in every hierarchy that a process is in, mounted or not.
        if is_dumped && is_v2_alone && read("/proc/self/cgroup").lines().count() > 1 {
            Some("needs a machine without hidden cgroup hierarchies")
        } else if is_dumped && !criu_works() {
            Some("needs a CRIU that works on this kernel")
        } else if self.command == UPDATE && !has_pids {
            Some("needs a pids controller")
        } else if self.bundle.is_in_unit() && !(is_v2_alone && units::can_be_made()) {
            Some("needs a machine that systemd runs, with cgroup v2 (cargo xtask vm)")
        } else {
            None
        }
    }
}

fn criu_works() -> bool {
    let check = Command::new("criu").arg("check").stdin(Stdio::null()).output();
    check.is_ok_and(|output| output.status.success())
}

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
