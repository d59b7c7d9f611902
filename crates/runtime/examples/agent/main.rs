//! An agent on tokio that has containers behind a Unix socket, and a load for it.
//!
//!     agent serve SOCKET ROOTFS STORE                      serves until it is killed
//!     agent load ROOTFS CONTAINERS EXECS [RUNC]            serves itself, and prints what each request took; RUNC: for comparison
//!
//! ROOTFS has `/bin/leave`, which ends with the exit code that it is given, and `sleep`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command says what it found")]

mod load;
mod serve;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use brig_runtime::Container;
use brig_runtime::store::Store;
use load::{Runtime, Size, Times};
use serve::Agent;
use tokio::net::UnixListener;

fn main() -> io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    match words.as_slice() {
        ["serve", socket, rootfs, store] => {
            let agent = Agent::new(PathBuf::from(rootfs), Store::open(*store));
            runtime.block_on(async { serve::serve(agent, UnixListener::bind(socket)?).await })
        }
        ["load", rootfs, containers, execs, runc @ ..] => {
            let number = |text: &str| text.parse().map_err(io::Error::other);
            let size = Size { containers: number(containers)?, execs: number(execs)?, clients: 16 };
            measure(&runtime, Path::new(rootfs), size, runc.first().map(Path::new))
        }
        _ => Err(io::Error::other(
            "agent serve SOCKET ROOTFS STORE | agent load ROOTFS CONTAINERS EXECS [RUNC]",
        )),
    }
}

fn measure(
    runtime: &tokio::runtime::Runtime,
    rootfs: &Path,
    size: Size,
    runc: Option<&Path>,
) -> io::Result<()> {
    let folder = std::env::temp_dir().join(format!("brig-agent-{}", std::process::id()));
    std::fs::create_dir(&folder)?;
    let done = measure_in(&folder, runtime, rootfs, size, runc);
    std::fs::remove_dir_all(&folder)?;
    done
}

fn measure_in(
    folder: &Path,
    runtime: &tokio::runtime::Runtime,
    rootfs: &Path,
    size: Size,
    runc: Option<&Path>,
) -> io::Result<()> {
    let socket = folder.join("socket");
    let agent = Agent::new(rootfs.to_owned(), Store::open(folder.join("store")));
    let listener = runtime.block_on(async { UnixListener::bind(&socket) })?;
    runtime.spawn(serve::serve(Arc::clone(&agent), listener));
    let asked = Runtime::Agent(socket);
    // Threads, buffers and the store are there from then on.
    load::run(&asked, "warm", size)?;
    let before = usage()?;
    let times = load::run(&asked, "agent", size)?;
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
    print("command", &load::run(&asked, "command", size)?);
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
