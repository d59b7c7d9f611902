//! An agent on tokio that has containers behind a Unix socket, and a load for it.
//!
//!     agent serve SOCKET ROOTFS STORE                      serves until it is killed
//!     agent load ROOTFS CONTAINERS EXECS [RUNC]            serves itself, and prints what each request took; RUNC: for comparison
//!
//! ROOTFS has `sh` and `sleep`, as any with a busybox has. A load that fails, or is interrupted, destroys its containers.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command says what it found")]

mod load;
mod serve;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use brig_runtime::Container;
use brig_runtime::foreground::Signals;
use brig_runtime::store::Store;
use load::{Runtime, Size, Stop, Times};
use serve::Agent;
use tokio::net::UnixListener;

/// SIGHUP, SIGINT, SIGTERM (signal(7)).
const INTERRUPTING: [u32; 3] = [1, 2, 15];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(&words.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("agent: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> io::Result<()> {
    let number = |text: &str| {
        let wrong = |error| io::Error::other(format!("{text:?} is no number: {error}"));
        text.parse().map_err(wrong)
    };
    match words {
        ["serve", socket, rootfs, store] => {
            let agent = Agent::new(PathBuf::from(rootfs), Store::open(*store));
            tokio()?.block_on(async { serve::serve(agent, UnixListener::bind(socket)?).await })
        }
        ["load", rootfs, containers, execs, runc @ ..] => {
            let containers: usize = number(containers)?;
            // Each has a container of its own.
            let size = Size { containers, execs: number(execs)?, clients: containers.min(16) };
            measure(Path::new(rootfs), size, runc.first().map(Path::new))
        }
        _ => Err(io::Error::other(
            "agent serve SOCKET ROOTFS STORE | agent load ROOTFS CONTAINERS EXECS [RUNC]",
        )),
    }
}

fn tokio() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
}

fn measure(rootfs: &Path, size: Size, runc: Option<&Path>) -> io::Result<()> {
    load::suffices(rootfs)?;
    // Of this thread, and so of all that it starts: before tokio's.
    let signals = Signals::block().map_err(io::Error::other)?;
    let stop = Arc::new(Stop::default());
    let told = Arc::clone(&stop);
    std::thread::spawn(move || stop_when_interrupted(&signals, &told));
    let folder = std::env::temp_dir().join(format!("brig-agent-{}", std::process::id()));
    std::fs::create_dir(&folder)?;
    let done = measure_in(&folder, &tokio()?, rootfs, size, (runc, &stop));
    std::fs::remove_dir_all(&folder)?;
    done
}

fn stop_when_interrupted(signals: &Signals, stop: &Stop) {
    while let Ok(signal) = signals.wait(Duration::from_secs(3600)) {
        if signal.is_some_and(|number| INTERRUPTING.contains(&number)) {
            eprintln!("agent: interrupted: its containers are destroyed");
            stop.now();
        }
    }
}

fn measure_in(
    folder: &Path,
    runtime: &tokio::runtime::Runtime,
    rootfs: &Path,
    size: Size,
    (runc, stop): (Option<&Path>, &Stop),
) -> io::Result<()> {
    let socket = folder.join("socket");
    let agent = Agent::new(rootfs.to_owned(), Store::open(folder.join("store")));
    let listener = runtime.block_on(async { UnixListener::bind(&socket) })?;
    runtime.spawn(serve::serve(Arc::clone(&agent), listener));
    let asked = Runtime::Agent(socket);
    // Threads, buffers and the store are there from then on.
    load::run(&asked, "warm", size, stop)?;
    let before = usage()?;
    let times = load::run(&asked, "agent", size, stop)?;
    let after = usage()?;
    println!("descriptors, bytes: {before:?} before, {after:?} after");
    let left =
        std::fs::read_dir(agent.store.root())?.flatten().filter(|entry| entry.file_name() != "@seccomp");
    println!("containers left: {}", left.count());
    print("agent", &times);
    let Some(program) = runc else { return Ok(()) };
    let bundle = folder.join("bundle");
    std::fs::create_dir(&bundle)?;
    let spec = Container::builder(rootfs).command(["sleep", "1000"]);
    std::fs::write(bundle.join("config.json"), spec.spec().to_json())?;
    let asked = Runtime::Command { program: program.to_owned(), root: folder.join("runc"), bundle };
    print("command", &load::run(&asked, "command", size, stop)?);
    Ok(())
}

/// Open descriptors, and bytes of memory that are this process's alone (proc_pid_status(5), `RssAnon`).
fn usage() -> io::Result<(usize, u64)> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let anonymous = status.lines().find_map(|line| line.strip_prefix("RssAnon:")?.trim().strip_suffix(" kB"));
    let kilobytes: u64 = anonymous.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    Ok((std::fs::read_dir("/proc/self/fd")?.count(), kilobytes << 10))
}

fn print(who: &str, times: &Times) {
    println!("{who:10} {:>6} {:>10} {:>10}", "count", "p50 ms", "p99 ms");
    for (verb, took) in times {
        let milliseconds = |percent| load::percentile(took, percent).as_secs_f64() * 1000.0;
        println!("{verb:10} {:>6} {:>10.2} {:>10.2}", took.len(), milliseconds(50), milliseconds(99));
    }
}
