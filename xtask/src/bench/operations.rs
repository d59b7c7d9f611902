//! What is measured: the commands that engines use most, and what they cost beside time.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Options;
use super::bundle::Bundles;
use super::candidates::{Candidate, Kind, Words};
use super::figures::median;
use super::meter::{Meter, Sample};

/// Rounds before the measured ones.
const WARM_UP: usize = 2;
/// Counts differ little from run to run: the median of these.
const COUNT_ROUNDS: usize = 5;
/// A container that runs /bin/true has ended by then.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    /// `run` of /bin/true.
    Run,
    /// The same with the caller's seccomp profile.
    RunWithProfile,
    /// `create`, `start`, and `delete` when it has ended.
    Life,
    /// `exec` of /bin/true.
    Exec,
    /// `state` of a running container.
    State,
    /// `delete --force` of a running container.
    DeleteForce,
}

impl Operation {
    /// What is timed under `options`.
    pub(super) fn all(options: &Options) -> Vec<Self> {
        let profile = options.seccomp.as_ref().map(|_| Self::RunWithProfile);
        let rest = [Self::Life, Self::Exec, Self::State, Self::DeleteForce];
        [Self::Run].into_iter().chain(profile).chain(rest).collect()
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Run => "run, ms",
            Self::RunWithProfile => "run with a seccomp profile, ms",
            Self::Life => "create + start + delete, ms",
            Self::Exec => "exec, ms",
            Self::State => "state, ms",
            Self::DeleteForce => "delete --force of a running one, ms",
        })
    }
}

/// What is counted.
#[derive(Debug)]
pub(super) struct Count {
    /// The head of its row.
    pub(super) what: &'static str,
    count: fn(&Series<'_>, &Candidate) -> Result<Option<u64>, String>,
}

/// Everything that is counted, in the order of the table.
pub(super) const COUNTS: [Count; 6] = [
    Count {
        what: "system calls of run, all processes",
        count: |series, who| series.calls(Operation::Run, who),
    },
    Count { what: "system calls of exec", count: |series, who| series.calls(Operation::Exec, who) },
    Count { what: "system calls of state", count: |series, who| series.calls(Operation::State, who) },
    Count {
        what: "minor page faults of run",
        count: |series, who| series.of_run(who, |sample| sample.faults),
    },
    Count {
        what: "peak RSS of its largest process, kB",
        count: |series, who| series.of_run(who, |sample| sample.peak),
    },
    Count {
        what: "private dirty memory of a created container's init, kB",
        count: |series, who| series.waiting_init(who),
    },
];

/// One run of the bench.
#[derive(Debug)]
pub(super) struct Series<'a> {
    pub(super) meter: &'a Meter,
    pub(super) bundles: &'a Bundles,
    pub(super) rounds: usize,
}

impl Series<'_> {
    /// Times `operation` for all candidates, in turns that start with another one each round. A candidate that
    /// fails is left out from then on; the floor has samples of `run` only.
    pub(super) fn time(
        &self,
        operation: Operation,
        candidates: &[Candidate],
    ) -> Vec<Result<Vec<Sample>, String>> {
        let begin = |who| self.begin(operation, who).map(|()| Vec::new());
        let mut all: Vec<Result<Vec<Sample>, String>> = candidates.iter().map(begin).collect();
        for round in 0..WARM_UP + self.rounds {
            for turn in 0..candidates.len() {
                let at = (round + turn) % candidates.len();
                if let (Ok(samples), true) = (&mut all[at], can(operation, &candidates[at])) {
                    match self.sample(operation, &candidates[at]) {
                        Ok(sample) if round >= WARM_UP => samples.push(sample),
                        Ok(_) => {}
                        Err(reason) => all[at] = Err(reason),
                    }
                }
            }
        }
        candidates.iter().for_each(|who| self.end(who));
        all
    }

    /// Counts `count` for `who`; `None` where it has no meaning.
    pub(super) fn count(&self, count: &Count, who: &Candidate) -> Result<Option<u64>, String> {
        let counted = (count.count)(self, who);
        self.end(who);
        counted
    }

    /// What has to be there before the first round.
    fn begin(&self, operation: Operation, who: &Candidate) -> Result<(), String> {
        let wants_running = matches!(operation, Operation::Exec | Operation::State) && can(operation, who);
        if wants_running { self.run_long(who) } else { Ok(()) }
    }

    /// Leaves no container of `who` behind; there may be none.
    fn end(&self, who: &Candidate) {
        if who.kind != Kind::Floor {
            self.meter.sample(&delete_force(who)).ok();
        }
    }

    /// Takes one sample.
    pub(super) fn sample(&self, operation: Operation, who: &Candidate) -> Result<Sample, String> {
        if operation == Operation::Life {
            return self.life(who);
        }
        if operation == Operation::DeleteForce {
            self.run_long(who)?;
        }
        self.meter.sample(&self.words(operation, who))
    }

    /// The one command of `operation`.
    fn words(&self, operation: Operation, who: &Candidate) -> Words {
        let id = who.container();
        match operation {
            Operation::Run | Operation::Life if who.kind == Kind::Floor => {
                who.floor_command(&self.bundles.rootfs)
            }
            Operation::Run | Operation::Life => run(who, &self.bundles.short),
            Operation::RunWithProfile => {
                run(who, self.bundles.seccomp.as_ref().unwrap_or(&self.bundles.short))
            }
            Operation::Exec => who.command(["exec".as_ref(), id.as_ref(), "/bin/true".as_ref()]),
            Operation::State => who.command(["state".as_ref(), id.as_ref()]),
            Operation::DeleteForce => delete_force(who),
        }
    }

    fn run_long(&self, who: &Candidate) -> Result<(), String> {
        let (bundle, id) = (self.bundles.long.as_os_str(), who.container());
        let words = ["run".as_ref(), "--detach".as_ref(), "--bundle".as_ref(), bundle, id.as_ref()];
        self.meter.sample(&who.command(words)).map(|_| ())
    }

    /// The three commands of a container's life; the wait for its end is not counted.
    fn life(&self, who: &Candidate) -> Result<Sample, String> {
        let id = who.container();
        let (created, pid) = self.create(who, &self.bundles.short)?;
        let started = self.meter.sample(&who.command(["start".as_ref(), id.as_ref()]))?;
        wait_for_end(pid)?;
        let deleted = self.meter.sample(&who.command(["delete".as_ref(), id.as_ref()]))?;
        Ok([created, started, deleted].into_iter().fold(Sample::default(), sum))
    }

    /// Creates a container and says which process waits in it.
    fn create(&self, who: &Candidate, bundle: &Path) -> Result<(Sample, u32), String> {
        let (file, id) = (self.bundles.rootfs.with_file_name("pid"), who.container());
        let words = [
            OsStr::new("create"),
            OsStr::new("--bundle"),
            bundle.as_os_str(),
            OsStr::new("--pid-file"),
            file.as_os_str(),
            id.as_ref(),
        ];
        let sample = self.meter.sample(&who.command(words))?;
        let pid = fs::read_to_string(&file).map_err(|error| format!("pid file: {error}"))?;
        let pid = pid.trim().parse().map_err(|_| format!("pid file: {pid:?} is no pid"))?;
        Ok((sample, pid))
    }

    fn calls(&self, operation: Operation, who: &Candidate) -> Result<Option<u64>, String> {
        if !can(operation, who) {
            return Ok(None);
        }
        self.begin(operation, who)?;
        let words = self.words(operation, who);
        let counts: Result<Vec<u64>, String> =
            (0..COUNT_ROUNDS).map(|_| self.meter.count_calls(&words)).collect();
        Ok(median(&counts?))
    }

    fn of_run(&self, who: &Candidate, figure: fn(Sample) -> u64) -> Result<Option<u64>, String> {
        let words = self.words(Operation::Run, who);
        let one = |_| self.meter.sample(&words).map(figure);
        let figures: Result<Vec<u64>, String> = (0..COUNT_ROUNDS).map(one).collect();
        Ok(median(&figures?))
    }

    fn waiting_init(&self, who: &Candidate) -> Result<Option<u64>, String> {
        if who.kind == Kind::Floor {
            return Ok(None);
        }
        let (_, pid) = self.create(who, &self.bundles.long)?;
        let file = PathBuf::from(format!("/proc/{pid}/smaps_rollup"));
        let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(private_dirty(&text))
    }
}

/// Whether `who` has this operation.
fn can(operation: Operation, who: &Candidate) -> bool {
    who.kind != Kind::Floor || operation == Operation::Run
}

fn run(who: &Candidate, bundle: &Path) -> Words {
    who.command(["run".as_ref(), "--bundle".as_ref(), bundle.as_os_str(), who.container().as_ref()])
}

fn delete_force(who: &Candidate) -> Words {
    who.command(["delete".as_ref(), "--force".as_ref(), who.container().as_ref()])
}

fn sum(a: Sample, b: Sample) -> Sample {
    Sample { wall: a.wall + b.wall, faults: a.faults + b.faults, peak: a.peak.max(b.peak) }
}

/// Waits until `pid` has exited; whoever reaps it.
fn wait_for_end(pid: u32) -> Result<(), String> {
    let started = Instant::now();
    while fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !has_exited(&stat)) {
        if started.elapsed() > PATIENCE {
            return Err(format!("process {pid} has not ended after {} s", PATIENCE.as_secs()));
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    Ok(())
}

/// The state stands after the name, which ends at the last parenthesis.
fn has_exited(stat: &str) -> bool {
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['Z', 'X']))
}

/// The kilobytes after `Private_Dirty:`.
fn private_dirty(rollup: &str) -> Option<u64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Private_Dirty:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_a_process_stands_after_its_name() {
        assert!(has_exited("7 (a) b) Z 1 2"));
        assert!(!has_exited("7 (Z) S 1 2"));
    }

    #[test]
    fn private_dirty_is_read_in_kilobytes() {
        assert_eq!(private_dirty("Rss: 9 kB\nPrivate_Clean: 1 kB\nPrivate_Dirty:       264 kB\n"), Some(264));
        assert_eq!(private_dirty(""), None);
    }
}
