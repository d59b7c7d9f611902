//! Jails a command: `jail ROOTFS COMMAND…`. It sees ROOTFS, read-only, and nothing of the machine; it has 64 MiB, where its caller
//! may limit that, and no network. Needs no privilege, no config.json and no program beside itself.
#![allow(
    clippy::print_stderr,
    clippy::exit,
    reason = "a command says what is wrong, and ends as what it ran ended"
)]

use brig_runtime::{Container, Result, Stdio, store::Store};

fn main() {
    let mut words = std::env::args().skip(1);
    let rootfs = words.next().unwrap_or_else(|| "/".into());
    match jail(&rootfs, words.collect()) {
        Ok(code) => std::process::exit(code),
        Err(error) => eprintln!("jail: {error}"),
    }
    std::process::exit(125);
}

fn jail(rootfs: &str, command: Vec<String>) -> Result<i32> {
    let id = format!("jail-{}", std::process::id());
    let mut jail = Container::builder(rootfs).command(command).read_only().tmpfs("/tmp", 16 << 20);
    if rustix::process::geteuid().is_root() {
        jail = jail.memory(64 << 20).pids(64);
    }
    let jail = jail.stdin(Stdio::Inherit).stdout(Stdio::Inherit).stderr(Stdio::Inherit);
    let status = jail.status(&Store::open(std::env::temp_dir().join(&id)), &id);
    // The store had one container.
    let _gone = std::fs::remove_dir_all(std::env::temp_dir().join(&id));
    Ok(status?.code().unwrap_or(137))
}
