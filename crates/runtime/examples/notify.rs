//! A seccomp agent: `notify ROOTFS COMMAND…` runs a command whose mkdir(2) is carried out by nobody: the agent is told of each call,
//! prints it, and says "done".
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command says what it found")]

use std::os::unix::net::UnixListener;
use std::thread;

use brig_plan::load;
use brig_runtime::listener::{Answer, Listener};
use brig_runtime::{Container, Error, Patience, Result, Stdio, store::Store};

const PROFILE: &str = r#"{
    "defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [{ "names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_NOTIFY" }]
}"#;

fn main() {
    let mut words = std::env::args().skip(1);
    let rootfs = words.next().unwrap_or_else(|| "/".into());
    if let Err(error) = run(&rootfs, words.collect()) {
        eprintln!("notify: {error}");
    }
}

fn run(rootfs: &str, command: Vec<String>) -> Result<()> {
    let folder = std::env::temp_dir().join(format!("brig-notify-{}", std::process::id()));
    std::fs::create_dir(&folder).map_err(|error| Error::io("mkdir", &error))?;
    let path = folder.join("agent.sock");
    let socket = UnixListener::bind(&path).map_err(|error| Error::io("bind", &error))?;
    let agent = thread::spawn(move || attend(&socket));
    let mut profile = load::seccomp(PROFILE.as_bytes())?;
    profile.listener_path = path.to_string_lossy().into_owned().into();
    let status = Container::builder(rootfs)
        .command(command)
        .seccomp(profile)
        .stdout(Stdio::Inherit)
        .stderr(Stdio::Inherit)
        .status(&Store::open(folder.join("store")), "notify");
    // It had one container.
    let _gone = std::fs::remove_dir_all(&folder);
    println!("ended with {}", status?);
    agent.join().unwrap_or_else(|_| Err(Error::not_running()))
}

/// One process, until it and all that it forked have ended.
fn attend(socket: &UnixListener) -> Result<()> {
    let (listener, state) = Listener::accept(socket, &Patience::ENDLESS)?;
    println!("listening to {state}");
    while let Some(call) = listener.next(&Patience::ENDLESS)? {
        println!("system call {} of pid {}: done, says the agent", call.number, call.pid);
        listener.answer(&call, Answer::Return(0))?;
    }
    Ok(())
}
