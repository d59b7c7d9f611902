//! From what `brig-init` read of its clocks to phases. Runs in: the parent; pure.

use brig_handshake::Step;
use brig_handshake::step::Actor;
use brig_handshake::timeline::{Mark, Reading};

use super::{Doing, Nature, Phase, Spent, Timeline, between, clock_gettime};

/// Who tells: what was cloned first, and what it is by now; the same, if it was cloned once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Teller {
    pub(crate) first: u32,
    pub(crate) now: u32,
}

/// Words for an entry of a step's list: what it is, and the path in config.json.
pub(crate) type Subjects<'s> = &'s dyn Fn(Step, u32) -> (Option<String>, Option<String>);

impl Timeline {
    /// What `brig-init` told, which is heard now.
    pub(crate) fn is_told(&self, readings: &[Reading], teller: Teller, subjects: Subjects<'_>) {
        let heard = clock_gettime::monotonic().unwrap_or_default();
        self.kept().phases.extend(phases(readings, teller, heard, subjects));
    }

    /// `brig-init` has executed the program: that took it from its last word until now.
    pub(crate) fn has_executed(&self) {
        let Ok(now) = clock_gettime::monotonic() else { return };
        let mut kept = self.kept();
        // A wait that is told last may lie within a step that ends later.
        let told = kept.phases.iter().filter(|phase| phase.actor == Actor::Init);
        let Some((from, pid)) = told.map(|phase| (phase.began + phase.took, phase.pid)).max() else { return };
        let from = u64::try_from(from.as_nanos()).unwrap_or(now);
        let doing = Doing { name: Step::Exec.name(), step: Some(Step::Exec), nature: Nature::Work };
        kept.phases.push(doing.phase(Actor::Init, pid, pid, (from, now), None));
    }
}

/// Each step lasts until the next begins, each wait until it is over; what has no end was told of at `heard`.
fn phases(readings: &[Reading], teller: Teller, heard: u64, subjects: Subjects<'_>) -> Vec<Phase> {
    let was_copied = readings.iter().any(|reading| reading.mark == Mark::Copied);
    let (mut actor, mut pid) = match was_copied {
        true => (Actor::Intermediate, teller.first),
        false => (Actor::Init, teller.now),
    };
    let mut phases = Vec::new();
    for (place, reading) in readings.iter().enumerate() {
        let nature = match reading.mark {
            Mark::Begins => Nature::Work,
            Mark::Copied => {
                (actor, pid) = (Actor::Init, teller.now);
                Nature::Work
            }
            Mark::Waits => Nature::WaitWithin,
            Mark::Resumes | Mark::Ends => continue,
        };
        let rest = readings.get(place + 1..).unwrap_or_default();
        let end = rest.iter().find(|later| ends(nature, later.mark));
        let doing = Doing { name: reading.step.name(), step: Some(reading.step), nature };
        let until = end.map_or(heard, |end| end.wall);
        let mut phase =
            doing.phase(actor, pid, pid, (reading.wall, until), end.and_then(|end| spent(reading, end)));
        if nature == Nature::Work {
            (phase.subject, phase.json_path) = subjects(reading.step, reading.index);
        }
        phases.push(phase);
    }
    phases
}

fn ends(nature: Nature, mark: Mark) -> bool {
    match nature {
        Nature::Work | Nature::Wait => matches!(mark, Mark::Begins | Mark::Copied | Mark::Ends),
        Nature::WaitWithin => true,
    }
}

/// A copy's account begins at nothing.
fn spent(from: &Reading, to: &Reading) -> Option<Spent> {
    (to.mark != Mark::Copied).then(|| between((from.wall, &from.used), (to.wall, &to.used)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use brig_handshake::timeline::Used;

    use super::*;

    fn reading(mark: Mark, step: Step, wall: u64, cpu: u64) -> Reading {
        let used = Used { cpu, queued: Some(1), voluntary: 0, involuntary: 0, minor: 0, major: 0 };
        Reading { mark, step, index: 0, wall, used }
    }

    const TELLER: Teller = Teller { first: 7, now: 8 };

    fn told(readings: &[Reading]) -> Vec<(Actor, u32, Step, u64, u64, Option<u64>)> {
        let nanoseconds = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap();
        let phases = phases(readings, TELLER, 100, &|_, _| (None, None));
        let told = phases.iter().map(|phase| {
            let blocked = phase.spent.map(|spent| nanoseconds(spent.blocked));
            let (began, took) = (nanoseconds(phase.began), nanoseconds(phase.took));
            (phase.actor, phase.pid, phase.step.unwrap(), began, took, blocked)
        });
        told.collect()
    }

    #[test]
    fn a_step_lasts_until_the_next_and_has_its_waits_within() {
        let readings = [
            reading(Mark::Begins, Step::Arrive, 10, 1),
            reading(Mark::Waits, Step::SendTask, 12, 2),
            reading(Mark::Resumes, Step::SendTask, 22, 3),
            reading(Mark::Begins, Step::Mount, 30, 4),
            reading(Mark::Ends, Step::Gate, 35, 9),
        ];
        assert_eq!(
            told(&readings),
            [
                (Actor::Init, 8, Step::Arrive, 10, 20, Some(17)),
                (Actor::Init, 8, Step::SendTask, 12, 10, Some(9)),
                (Actor::Init, 8, Step::Mount, 30, 5, Some(0)),
            ]
        );
    }

    #[test]
    fn the_program_is_executed_after_all_that_was_told() {
        let timeline = Timeline::default();
        let readings = [
            reading(Mark::Begins, Step::FindExecutable, 10, 1),
            reading(Mark::Waits, Step::FindExecutable, 12, 2),
            reading(Mark::Resumes, Step::FindExecutable, 22, 3),
            reading(Mark::Ends, Step::Gate, 30, 4),
        ];
        timeline.is_told(&readings, TELLER, &|_, _| (None, None));
        timeline.has_executed();
        let executed = timeline.kept().phases.last().map(|phase| (phase.step, phase.began));
        assert_eq!(executed, Some((Some(Step::Exec), Duration::from_nanos(30))));
    }

    #[test]
    fn after_a_second_clone_it_is_another_process_with_an_account_of_its_own() {
        let readings = [
            reading(Mark::Begins, Step::SecondClone, 10, 50),
            reading(Mark::Copied, Step::SecondClone, 15, 1),
            reading(Mark::Begins, Step::BecomeRoot, 20, 3),
        ];
        assert_eq!(
            told(&readings),
            [
                (Actor::Intermediate, 7, Step::SecondClone, 10, 5, None),
                (Actor::Init, 8, Step::SecondClone, 15, 5, Some(3)),
                (Actor::Init, 8, Step::BecomeRoot, 20, 80, None),
            ],
            "what has no end lasts until it is heard"
        );
    }

    #[test]
    fn readings_that_make_no_sense_make_no_negative_time() {
        let readings =
            [reading(Mark::Resumes, Step::Mount, 9, 9), reading(Mark::Begins, Step::Mount, 200, 9)];
        assert_eq!(told(&readings), [(Actor::Init, 8, Step::Mount, 200, 0, None)]);
        assert!(told(&[]).is_empty());
    }
}
