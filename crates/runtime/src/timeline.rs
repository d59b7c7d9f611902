//! Where the time goes: the phases of the parent and of `brig-init`, on one clock.
//! Runs in: the parent.
//!
//! Who wants to know lends a [`Timeline`] to the request; otherwise no clock is read, here or in `brig-init`.

mod told;

pub(crate) use told::Teller;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use brig_handshake::step::Actor;
use brig_handshake::timeline::Used;
use brig_handshake::{Fault, Step};
use brig_sys::{clock_gettime, getrusage};
use rustix::thread::gettid;

use crate::error::Error;

/// Some time of one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phase {
    /// Whose.
    pub actor: Actor,
    /// Its process, in the caller's PID namespace.
    pub pid: u32,
    /// Its thread.
    pub thread: u32,
    /// What was done, in a few words; of a step, [`Step::name`].
    pub name: &'static str,
    /// The step, if it is one.
    pub step: Option<Step>,
    /// What it was done to, where that is known.
    pub subject: Option<String>,
    /// The entry of config.json that asked for it, where that is known.
    pub json_path: Option<String>,
    /// Whether something was done, or waited for.
    pub nature: Nature,
    /// When it began: `CLOCK_MONOTONIC`, which is one for all processes since the machine was started.
    pub began: Duration,
    /// How long it took.
    pub took: Duration,
    /// What that consists of; `None` where only the clock on the wall is known.
    pub spent: Option<Spent>,
}

/// Whether something is done, or waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// Something is done.
    Work,
    /// Another process is waited for.
    Wait,
    /// Another process is waited for in the middle of the phase in which this lies: it is part of that one's time.
    WaitWithin,
}

/// What the time of a phase consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent {
    /// On a processor, in user mode or in the kernel.
    pub cpu: Duration,
    /// A processor was wanted, and there was none; `None` where the kernel does not tell, and it is part of `blocked`.
    pub queued: Option<Duration>,
    /// The rest: asleep in the kernel, for a lock, for a disk, for another process.
    pub blocked: Duration,
    /// How often it went to sleep.
    pub voluntary: u64,
    /// How often its processor was taken away.
    pub involuntary: u64,
    /// Page faults without reading from a disk.
    pub minor: u64,
    /// Page faults with it.
    pub major: u64,
}

/// Keeps phases for who lends it. To be used by one thread at a time: what two do at once cannot be told apart.
///
/// ```
/// # mod rootfs { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/rootfs.in")); }
/// # fn main() -> brig_runtime::Result<()> {
/// # let Some(folder) = rootfs::Rootfs::new() else { return Ok(()) };
/// # let (store, rootfs) = (folder.store(), folder.path());
/// use brig_runtime::{Container, Timeline, timeline::Actor};
///
/// let timeline = Timeline::new();
/// Container::builder(rootfs).command(["true"]).launch().timeline(&timeline).status(&store, "one")?;
/// let phases = timeline.phases();
/// let slowest = phases.iter().filter(|phase| phase.actor == Actor::Init).max_by_key(|phase| phase.took);
/// println!("of all that was done inside, this took longest: {slowest:?}");
/// # assert!(slowest.is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Timeline(Mutex<Kept>);

impl Timeline {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything that is over, in the order in which it ended; of `brig-init` as far as it has told.
    #[must_use]
    pub fn phases(&self) -> Vec<Phase> {
        self.kept().phases.clone()
    }

    /// A phase of the caller's own begins, and the one before ends.
    pub fn begins(&self, name: &'static str) {
        self.turn(Some(Doing { name, step: None, nature: Nature::Work }));
    }

    /// The caller waits for another process from now on.
    pub fn waits(&self, name: &'static str) {
        self.turn(Some(Doing { name, step: None, nature: Nature::Wait }));
    }

    /// The phase ends, and no other begins.
    pub fn ends(&self) {
        self.turn(None);
    }

    fn turn(&self, next: Option<Doing>) {
        let mut kept = self.kept();
        let now = kept.now();
        if let (Some((doing, from)), Some(now)) = (kept.open.take(), &now) {
            let spent = (from.thread == now.thread).then(|| spent(&from, now)).flatten();
            let phase =
                doing.phase(Actor::Parent, std::process::id(), from.thread, (from.wall, now.wall), spent);
            kept.phases.push(phase);
        }
        kept.open = next.zip(now);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A step of the parent's begins, where somebody wants to know.
pub(crate) fn step(timeline: Option<&Timeline>, step: Step) {
    if let Some(timeline) = timeline {
        timeline.turn(Some(Doing { name: step.name(), step: Some(step), nature: Nature::Work }));
    }
}

/// Something of the parent's begins that is no step, where somebody wants to know.
pub(crate) fn begins(timeline: Option<&Timeline>, name: &'static str) {
    if let Some(timeline) = timeline {
        timeline.begins(name);
    }
}

/// The parent waits, where somebody wants to know.
pub(crate) fn waits(timeline: Option<&Timeline>, name: &'static str) {
    if let Some(timeline) = timeline {
        timeline.waits(name);
    }
}

/// The parent's part is over, where somebody wants to know. Returns what it is given.
pub(crate) fn over<T>(timeline: Option<&Timeline>, with: T) -> T {
    if let Some(timeline) = timeline {
        timeline.ends();
    }
    with
}

/// What an entry of a step's list is about: as in the words of a fault.
pub(crate) fn subject_of(error: &Error) -> (Option<String>, Option<String>) {
    (error.subject().map(str::to_owned), error.json_path().map(str::to_owned))
}

/// A fault that none is, to ask for its words.
pub(crate) fn at_entry(step: Step, index: u32) -> Fault<'static> {
    Fault { step, index, errno: 0, text: (&b""[..]).into() }
}

#[derive(Debug, Default)]
struct Kept {
    phases: Vec<Phase>,
    open: Option<(Doing, Point)>,
    /// A thread's own, and whose.
    schedstat: Option<(u32, Option<File>)>,
}

#[derive(Debug)]
struct Doing {
    name: &'static str,
    step: Option<Step>,
    nature: Nature,
}

impl Doing {
    fn phase(self, actor: Actor, pid: u32, thread: u32, at: (u64, u64), spent: Option<Spent>) -> Phase {
        let (began, ended) = at;
        Phase {
            actor,
            pid,
            thread,
            name: self.name,
            step: self.step,
            subject: None,
            json_path: None,
            nature: self.nature,
            began: Duration::from_nanos(began),
            took: Duration::from_nanos(ended.saturating_sub(began)),
            spent,
        }
    }
}

/// How often the clocks are read anew because a processor was waited for in between: that time would be in one account and not in the
/// other.
const LOOKS: u8 = 3;

/// One reading of the clocks of this thread.
#[derive(Debug)]
struct Point {
    thread: u32,
    wall: u64,
    used: Option<Used>,
}

impl Kept {
    fn now(&mut self) -> Option<Point> {
        let thread = gettid().as_raw_nonzero().get().cast_unsigned();
        let mut queued = self.queued(thread);
        for _ in 0..LOOKS {
            let (used, wall) = (used(queued), clock_gettime::monotonic().ok()?);
            let after = self.queued(thread);
            if after == queued {
                return Some(Point { thread, wall, used });
            }
            queued = after;
        }
        Some(Point { thread, wall: clock_gettime::monotonic().ok()?, used: used(queued) })
    }

    fn queued(&mut self, thread: u32) -> Option<u64> {
        if self.schedstat.as_ref().is_none_or(|(whose, _)| *whose != thread) {
            self.schedstat = Some((thread, File::open("/proc/thread-self/schedstat").ok()));
        }
        let (_, file) = self.schedstat.as_ref()?;
        let mut text = [0; 80];
        let count = file.as_ref()?.read_at(&mut text, 0).ok()?;
        Used::queued_in(text.get(..count)?)
    }
}

/// The clock last, which is to agree with the one on the wall.
fn used(queued: Option<u64>) -> Option<Used> {
    let getrusage::Counts { minor, major, voluntary, involuntary } = getrusage::of_thread().ok()?;
    let cpu = clock_gettime::thread_cpu().ok()?;
    Some(Used { cpu, queued, voluntary, involuntary, minor, major })
}

fn spent(from: &Point, to: &Point) -> Option<Spent> {
    Some(between((from.wall, from.used.as_ref()?), (to.wall, to.used.as_ref()?)))
}

/// What lies between two readings of one thread.
fn between((from, before): (u64, &Used), (to, after): (u64, &Used)) -> Spent {
    let cpu = after.cpu.saturating_sub(before.cpu);
    let queued = after.queued.zip(before.queued).map(|(after, before)| after.saturating_sub(before));
    let blocked = to.saturating_sub(from).saturating_sub(cpu).saturating_sub(queued.unwrap_or(0));
    Spent {
        cpu: Duration::from_nanos(cpu),
        queued: queued.map(Duration::from_nanos),
        blocked: Duration::from_nanos(blocked),
        voluntary: after.voluntary.saturating_sub(before.voluntary),
        involuntary: after.involuntary.saturating_sub(before.involuntary),
        minor: after.minor.saturating_sub(before.minor),
        major: after.major.saturating_sub(before.major),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_of_one_thread_follow_each_other_without_a_gap() {
        let timeline = Timeline::new();
        timeline.begins("one");
        std::thread::sleep(Duration::from_millis(5));
        timeline.waits("two");
        timeline.ends();
        timeline.begins("not over");
        let phases = timeline.phases();
        let [one, two] = phases.as_slice() else { panic!("{phases:?}") };
        assert_eq!((one.name, one.nature, two.name, two.nature), ("one", Nature::Work, "two", Nature::Wait));
        assert_eq!(one.began + one.took, two.began);
        let spent = one.spent.unwrap();
        assert!(one.took >= Duration::from_millis(5) && spent.cpu < one.took, "{one:?}");
        assert!(spent.blocked + spent.queued.unwrap_or_default() >= Duration::from_millis(4), "{one:?}");
        assert!(spent.voluntary >= 1, "{one:?}");
    }

    #[test]
    fn what_another_thread_used_is_not_known_of_a_phase() {
        let timeline = Timeline::new();
        timeline.begins("one");
        std::thread::scope(|scope| scope.spawn(|| timeline.begins("two")).join().unwrap());
        timeline.ends();
        let phases = timeline.phases();
        assert_eq!((phases[0].name, phases[0].spent), ("one", None));
        assert_eq!((phases[1].name, phases[1].spent), ("two", None));
        assert_ne!(phases[0].thread, phases[1].thread);
    }
}
