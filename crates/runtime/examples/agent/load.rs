//! A load: clients, each with containers of its own, that execute, look, kill and make anew; and what each request took. What it
//! made is gone in the end, whichever way it ends.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Who is asked: the agent behind its socket, or a command that is spawned.
#[derive(Debug, Clone)]
pub(crate) enum Runtime {
    /// The agent's socket.
    Agent(PathBuf),
    /// A program with runc's command line, its `--root`, and a bundle.
    Command { program: PathBuf, root: PathBuf, bundle: PathBuf },
}

/// How much of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) containers: usize,
    pub(crate) execs: usize,
    pub(crate) clients: usize,
}

/// What each kind of request took.
pub(crate) type Times = BTreeMap<&'static str, Vec<Duration>>;

/// Whether the clients are to stop: a request of one of them has failed, or whoever started the load wants no more of it.
#[derive(Debug, Default)]
pub(crate) struct Stop(AtomicBool);

impl Stop {
    pub(crate) fn now(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn check(&self) -> io::Result<()> {
        match self.0.load(Ordering::Relaxed) {
            true => Err(io::Error::new(io::ErrorKind::Interrupted, "stopped before the end")),
            false => Ok(()),
        }
    }
}

/// Carries out the load. If it fails, its containers are destroyed.
///
/// # Errors
/// The first answer that is not the right one; `Interrupted` if it was stopped; what became of containers that could not be destroyed.
pub(crate) fn run(runtime: &Runtime, name: &str, size: Size, stop: &Stop) -> io::Result<Times> {
    let barrier = Barrier::new(size.clients);
    let all = thread::scope(|scope| {
        let client = |number| {
            let barrier = &barrier;
            scope.spawn(move || {
                let client = Client::new(runtime, name, number, size, stop);
                // Everybody waits for everybody, also one that has failed.
                let made = client.and_then(Client::begin_all).inspect_err(|_| stop.now());
                barrier.wait();
                made.and_then(Client::work).inspect_err(|_| stop.now())
            })
        };
        let clients: Vec<_> = (0..size.clients).map(client).collect();
        let join = |client: thread::ScopedJoinHandle<'_, _>| client.join();
        clients
            .into_iter()
            .map(|client| join(client).unwrap_or_else(|_| Err(io::Error::other("panic"))))
            .collect::<Vec<_>>()
    });
    sum(all).map_err(|error| match destroy(runtime, &names(name, size)) {
        Ok(()) => error,
        Err(left) => io::Error::new(error.kind(), format!("{error}; what is left: {left}")),
    })
}

fn names(name: &str, size: Size) -> Vec<String> {
    (0..size.containers).map(|index| format!("{name}-{index}")).collect()
}

/// All times, or the reason why the first one stopped.
fn sum(all: Vec<io::Result<Times>>) -> io::Result<Times> {
    let mut times = Times::new();
    let (done, failed): (Vec<_>, Vec<_>) = all.into_iter().partition(Result::is_ok);
    let failed = failed.into_iter().filter_map(Result::err);
    // Those who were only told to stop know no reason.
    if let Some(error) = failed.min_by_key(|error| error.kind() == io::ErrorKind::Interrupted) {
        return Err(error);
    }
    for (verb, took) in done.into_iter().flatten().flatten() {
        times.entry(verb).or_default().extend(took);
    }
    times.values_mut().for_each(|took| took.sort_unstable());
    Ok(times)
}

/// Destroys what is there of these.
fn destroy(runtime: &Runtime, ids: &[String]) -> io::Result<()> {
    let mut line = Line::open(runtime)?;
    let mut left = Vec::new();
    for id in ids {
        let answer = line.ask(&format!("destroy {id}"))?;
        if answer.starts_with("error") && !answer.contains("does not exist") {
            left.push(format!("{id}: {answer}"));
        }
    }
    match left.is_empty() {
        true => Ok(()),
        false => Err(io::Error::other(left.join(", "))),
    }
}

/// Whether a root file system has what the load executes.
///
/// # Errors
/// What it lacks, and how it comes to have it.
pub(crate) fn suffices(rootfs: &Path) -> io::Result<()> {
    let has = |program: &str| {
        let mut folders =
            ["usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin"].into_iter();
        folders.any(|folder| rootfs.join(folder).join(program).symlink_metadata().is_ok())
    };
    let lacking: Vec<&str> = ["sh", "sleep"].into_iter().filter(|program| !has(program)).collect();
    let help = "an executable `bin/busybox` that is static, and links to it of these names, will do";
    match lacking.is_empty() {
        true => Ok(()),
        false => {
            Err(io::Error::other(format!("{} has no {}: {help}", rootfs.display(), lacking.join(" and no "))))
        }
    }
}

/// The time that so many of a hundred did not exceed.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let last = sorted.len().saturating_sub(1);
    sorted.get(last * percent / 100).copied().unwrap_or_default()
}

struct Client<'c> {
    line: Line<'c>,
    ids: Vec<String>,
    execs: usize,
    /// Of all clients.
    others: Vec<String>,
    random: u64,
    times: Times,
    stop: &'c Stop,
}

impl<'c> Client<'c> {
    fn new(runtime: &'c Runtime, name: &str, number: usize, size: Size, stop: &'c Stop) -> io::Result<Self> {
        let others = names(name, size);
        let ids = others.iter().skip(number).step_by(size.clients).cloned().collect();
        let share = size.execs / size.clients + usize::from(number < size.execs % size.clients);
        let random = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(number as u64 + 1);
        Ok(Self { line: Line::open(runtime)?, ids, execs: share, others, random, times: Times::new(), stop })
    }

    fn begin_all(mut self) -> io::Result<Self> {
        self.ids.clone().iter().try_for_each(|id| self.begin(id))?;
        Ok(self)
    }

    fn work(mut self) -> io::Result<Times> {
        for number in 0..self.execs {
            let Some(id) = self.pick(self.ids.len()).and_then(|index| self.ids.get(index).cloned()) else {
                break;
            };
            let code = number % 100;
            // A request's words are separated by spaces, so it is the shell that has to find two in the last one.
            self.expect("exec", &format!("exec {id} sh -c exit${{IFS}}{code}"), &code.to_string())?;
            let other = self
                .pick(self.others.len())
                .and_then(|index| self.others.get(index).cloned())
                .unwrap_or_default();
            // It may be dead at this moment: any answer will do, but one has to come.
            self.ask("stats", &format!("stats {other}"))?;
            if self.next().is_multiple_of(10) {
                self.end(&id)?;
                self.begin(&id)?;
            }
        }
        self.ids.clone().iter().try_for_each(|id| self.end(id))?;
        Ok(self.times)
    }

    fn begin(&mut self, id: &str) -> io::Result<()> {
        self.expect("create", &format!("create {id} sleep 1000"), "")?;
        self.expect("start", &format!("start {id}"), "")
    }

    fn end(&mut self, id: &str) -> io::Result<()> {
        self.expect("kill", &format!("kill {id} 9"), "")?;
        self.expect("wait", &format!("wait {id}"), "137")?;
        self.expect("destroy", &format!("destroy {id}"), "")
    }

    fn expect(&mut self, verb: &'static str, request: &str, expected: &str) -> io::Result<()> {
        let answer = self.ask(verb, request)?;
        match answer.strip_prefix("ok").is_some_and(|said| said.trim() == expected) {
            true => Ok(()),
            false => Err(io::Error::other(format!("{request}: {answer}"))),
        }
    }

    fn ask(&mut self, verb: &'static str, request: &str) -> io::Result<String> {
        self.stop.check()?;
        let begun = Instant::now();
        let answer = self.line.ask(request)?;
        self.times.entry(verb).or_default().push(begun.elapsed());
        Ok(answer)
    }

    fn pick(&mut self, of: usize) -> Option<usize> {
        let number = usize::try_from(self.next() >> 33).unwrap_or(0);
        number.checked_rem(of)
    }

    /// xorshift.
    fn next(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}

enum Line<'l> {
    Agent(BufReader<UnixStream>),
    Command { program: &'l Path, root: &'l Path, bundle: &'l Path },
}

impl<'l> Line<'l> {
    fn open(runtime: &'l Runtime) -> io::Result<Self> {
        match runtime {
            Runtime::Agent(socket) => {
                UnixStream::connect(socket).map(|stream| Self::Agent(BufReader::new(stream)))
            }
            Runtime::Command { program, root, bundle } => Ok(Self::Command { program, root, bundle }),
        }
    }

    fn ask(&mut self, request: &str) -> io::Result<String> {
        match self {
            Self::Agent(stream) => {
                stream.get_mut().write_all(format!("{request}\n").as_bytes())?;
                let mut answer = String::new();
                stream.read_line(&mut answer)?;
                Ok(answer.trim().to_owned())
            }
            Self::Command { program, root, bundle } => spawned(program, root, bundle, request),
        }
    }
}

/// The same by a command of its own.
fn spawned(program: &Path, root: &Path, bundle: &Path, request: &str) -> io::Result<String> {
    let failed = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", program.display()));
    let words: Vec<&str> = request.split_whitespace().collect();
    let run = |words: &[&str]| {
        let mut command = Command::new(program);
        command.arg("--root").arg(root).args(words);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().map_err(failed)
    };
    let status = match words.as_slice() {
        ["create", id, ..] => run(&["create", "--bundle", &bundle.to_string_lossy(), id])?,
        ["exec", id, command @ ..] => {
            let code = run(&[&["exec", id], command].concat())?.code().unwrap_or(-1);
            return Ok(format!("ok {code}"));
        }
        ["stats", id] => run(&["events", "--stats", id])?,
        ["destroy", id] => run(&["delete", "--force", id])?,
        // Nobody who spawned a command is told of the end: it is asked for again and again.
        ["wait", id] => loop {
            let mut state = Command::new(program);
            let said = state.arg("--root").arg(root).args(["state", id]).output().map_err(failed)?;
            if String::from_utf8_lossy(&said.stdout).contains("\"stopped\"") {
                return Ok("ok 137".to_owned());
            }
            thread::sleep(Duration::from_millis(5));
        },
        [verb, id, rest @ ..] => run(&[&[*verb, id], rest].concat())?,
        _ => return Err(io::Error::other("no such request")),
    };
    Ok(if status.success() { "ok".to_owned() } else { format!("error {status}") })
}
