//! A host for tests of networks: a network namespace of the test's own, never the machine's.

use std::process::Command;

use super::{Brig, Bundle, Ended, Stranger, eventually, unique};

/// A network namespace that is the host of a test, with a store.
#[derive(Debug)]
pub(crate) struct Host {
    /// A process in it.
    pub(crate) namespace: Stranger,
    pub(crate) brig: Brig,
}

impl Host {
    /// Alone in it, with loopback.
    pub(crate) fn new() -> Self {
        let host = Self { namespace: Stranger::new(&["--net"], "net"), brig: Brig::new() };
        host.does("ip link set lo up");
        host
    }

    /// A command that runs in there.
    pub(crate) fn command(&self, program: &Command) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.namespace.path("net")));
        command.arg(program.get_program()).args(program.get_args());
        command
    }

    /// What a shell says in there, that succeeds.
    #[track_caller]
    pub(crate) fn does(&self, script: &str) -> String {
        let mut shell = Command::new("sh");
        shell.args(["-ec", script]);
        self.brig.finish(self.command(&shell)).text()
    }

    /// `brig words` in there.
    pub(crate) fn brig(&self, words: &[&str]) -> Ended {
        self.brig.finish(self.command(&self.brig.command(words)))
    }

    /// `brig run` in there.
    pub(crate) fn run(&self, bundle: &Bundle) -> Ended {
        self.brig(&["run", "--bundle", bundle.path().to_str().unwrap(), &unique("c")])
    }

    /// `brig create` and `start` in there.
    pub(crate) fn start(&self, bundle: &Bundle) -> String {
        let id = unique("c");
        self.brig(&["create", "--bundle", bundle.path().to_str().unwrap(), &id]).ok();
        self.brig(&["start", &id]).ok();
        id
    }

    /// A pair of devices, of which `name` has addresses and is up. A worker of the kernel's notices the carrier a little later.
    pub(crate) fn pair(&self, name: &str, other: &str) {
        self.does(&format!(
            "ip link add {name} address 02:00:00:00:00:07 mtu 1400 type veth peer name {other}
             ip address add 10.9.8.7/24 dev {name}
             ip address add 169.254.3.4/32 scope link dev {name}
             ip address add fd00:9::7/64 dev {name} nodad
             ip link set {name} up
             ip link set {other} up"
        ));
        let lacks_carrier = |text: &str| text.contains("NO-CARRIER") || text.contains("LOWERLAYERDOWN");
        eventually("the pair has a carrier", || !lacks_carrier(&self.does("ip link show")));
    }

    /// Which of its interfaces there are, but for loopback.
    pub(crate) fn interfaces(&self) -> Vec<String> {
        let lines = self.does("ip -oneline link show");
        let names = lines.lines().filter_map(|line| line.split([' ', ':', '@']).nth(2).map(str::to_owned));
        let mut names = names.filter(|name| name != "lo").collect::<Vec<_>>();
        names.sort_unstable();
        names
    }
}

/// True, having said why, where these tests cannot run.
#[allow(clippy::print_stdout, reason = "a test says why it is skipped")]
pub(crate) fn cannot_run() -> bool {
    let has_ip = Command::new("ip").arg("-V").output().is_ok_and(|output| output.status.success());
    if !has_ip {
        println!("SKIPPED: needs iproute2");
    }
    !has_ip || super::cannot_run()
}
