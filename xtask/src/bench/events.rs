//! How soon `events` tells of an OOM, and what it costs while nothing happens. On the machine's own cgroups, for these need a memory
//! controller; beside runc, as crun has no such command.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::Options;
use super::bundle::Bundles;
use super::candidates::{self, Candidate, Kind, Words};
use super::meter::Meter;
use super::report::{Report, Row};
use super::scratch::Scratch;

/// Fewer than of other operations: each takes a container of its own, and a while until everybody waits.
const MOST_ROUNDS: usize = 10;
/// Until `events` watches.
const SETTLE: Duration = Duration::from_millis(300);
/// How long it is watched doing nothing.
const IDLE: Duration = Duration::from_secs(3);

/// Measures brig and every runc, and prints a table.
///
/// # Errors
/// brig does not build, or fails.
pub(super) fn measure(root: &Path, options: &Options) -> Result<(), String> {
    let scratch = Scratch::new(root)?;
    let meter = Meter::new(&scratch)?;
    let bundles = super::bundle::build(&scratch, options)?;
    let oom = super::bundle::hog(&scratch, &bundles)?;
    let mut all = candidates::peers(&scratch);
    all.retain(|who| who.kind == Kind::Runc);
    let brig = candidates::brig(root, &scratch).map(|brig| all.push(brig));
    let rounds = options.rounds.min(MOST_ROUNDS);
    let bench = Bench { meter: &meter, bundles: &bundles, oom: &oom };
    let mut report = Report::new(&all, rounds);
    eprintln!("measuring events");
    let walls = |who| (0..rounds).map(|_| bench.tell(who)).collect();
    report.add(Row::walls(
        "from OOM to the line of `events`, ms (budget: 50)",
        all.iter().map(walls).collect(),
    ));
    report.add(Row::counted("processor time of `events` in 3 idle seconds, us", &all, |who| bench.idle(who)));
    print!("{report}");
    brig.and_then(|()| report.verdict())
}

struct Bench<'a> {
    meter: &'a Meter,
    bundles: &'a Bundles,
    oom: &'a Path,
}

impl Bench<'_> {
    /// From the word to a process that has little left to take until it has taken too much, to the line.
    fn tell(&self, who: &Candidate) -> Result<Duration, String> {
        let lived = self.with_events(who, self.oom, |events| {
            let failed = |error| format!("events: {error}");
            let mut lines = BufReader::new(events.stdout.take().ok_or("events: no output")?);
            let mut go =
                fs::OpenOptions::new().write(true).open(self.bundles.rootfs.join("go")).map_err(failed)?;
            let started = Instant::now();
            go.write_all(b"\n").map_err(failed)?;
            let mut line = String::new();
            lines.read_line(&mut line).map_err(failed)?;
            let took = started.elapsed();
            if line.contains("\"oom\"") { Ok(took) } else { Err(format!("events: told {line:?}")) }
        });
        lived?
    }

    /// What its threads used, in microseconds.
    fn idle(&self, who: &Candidate) -> Result<Option<u64>, String> {
        let used = self.with_events(who, &self.bundles.long, |events| {
            let before = processor_time(events.id())?;
            std::thread::sleep(IDLE);
            Ok(processor_time(events.id())?.saturating_sub(before) / 1000)
        })?;
        used.map(Some)
    }

    /// Runs a container and `events` beside it, and leaves neither behind.
    fn with_events<T>(
        &self,
        who: &Candidate,
        bundle: &Path,
        with: impl FnOnce(&mut Child) -> T,
    ) -> Result<T, String> {
        let (id, bundle) = (who.container(), bundle.as_os_str());
        let words = ["run".as_ref(), "--detach".as_ref(), "--bundle".as_ref(), bundle, id.as_ref()];
        self.meter.sample(&who.command(words))?;
        let words = who.command(["events".as_ref(), "--interval".as_ref(), "1h".as_ref(), id.as_ref()]);
        let events = spawn(&words);
        let result = events.map(|mut events| {
            std::thread::sleep(SETTLE);
            let result = with(&mut events);
            // It may have ended with the container.
            events.kill().and_then(|()| events.wait()).map(drop).unwrap_or(());
            result
        });
        let delete = ["delete".as_ref(), "--force".as_ref(), OsStr::new(&id)];
        self.meter.sample(&who.command(delete))?;
        result
    }
}

fn spawn(words: &Words) -> Result<Child, String> {
    let (program, rest) = words.split_first().ok_or("no command")?;
    let mut command = Command::new(program);
    command.args(rest).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().map_err(|error| format!("{}: {error}", PathBuf::from(program).display()))
}

/// Nanoseconds on a processor, of all threads: the first number of schedstat.
fn processor_time(pid: u32) -> Result<u64, String> {
    let folder = format!("/proc/{pid}/task");
    let threads = fs::read_dir(&folder).map_err(|error| format!("{folder}: {error}"))?;
    let of_thread = |thread: fs::DirEntry| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    };
    Ok(threads.flatten().filter_map(of_thread).sum())
}
