//! A load: sixteen clients, each with containers of its own, that execute, look, kill and make anew; and what each request took.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Barrier;
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

/// Carries out the load.
///
/// # Errors
/// The first answer that is not the right one.
pub(crate) fn run(runtime: &Runtime, name: &str, size: Size) -> io::Result<Times> {
    let barrier = Barrier::new(size.clients);
    let all = thread::scope(|scope| {
        let client = |number| {
            let barrier = &barrier;
            scope.spawn(move || Client::new(runtime, name, number, size)?.work(barrier))
        };
        let clients: Vec<_> = (0..size.clients).map(client).collect();
        clients
            .into_iter()
            .map(|client| client.join().unwrap_or_else(|_| Err(io::Error::other("panic"))))
            .collect::<Vec<_>>()
    });
    let mut times = Times::new();
    for one in all {
        for (verb, took) in one? {
            times.entry(verb).or_default().extend(took);
        }
    }
    times.values_mut().for_each(|took| took.sort_unstable());
    Ok(times)
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
}

impl<'c> Client<'c> {
    fn new(runtime: &'c Runtime, name: &str, number: usize, size: Size) -> io::Result<Self> {
        let others: Vec<String> = (0..size.containers).map(|index| format!("{name}-{index}")).collect();
        let ids = others.iter().skip(number).step_by(size.clients).cloned().collect();
        let share = size.execs / size.clients + usize::from(number < size.execs % size.clients);
        let random = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(number as u64 + 1);
        Ok(Self { line: Line::open(runtime)?, ids, execs: share, others, random, times: Times::new() })
    }

    fn work(mut self, barrier: &Barrier) -> io::Result<Times> {
        let made = self.ids.clone().iter().try_for_each(|id| self.begin(id));
        // Everybody waits for everybody, also one that failed.
        barrier.wait();
        made?;
        for number in 0..self.execs {
            let Some(id) = self.pick(self.ids.len()).and_then(|index| self.ids.get(index).cloned()) else {
                break;
            };
            let code = number % 100;
            let expected = code.to_string();
            self.expect("exec", &format!("exec {id} /bin/leave {code}"), &expected)?;
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
    let words: Vec<&str> = request.split_whitespace().collect();
    let run = |words: &[&str]| {
        let mut command = Command::new(program);
        command.arg("--root").arg(root).args(words);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()
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
            let said = state.arg("--root").arg(root).args(["state", id]).output()?;
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
