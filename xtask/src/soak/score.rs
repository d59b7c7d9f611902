//! What is done: a sequence that depends on nothing but its seed.
//!
//! Most of the time a command is chosen that can succeed, if all before it did what they are for; so the sequence
//! follows what is expected of the containers, never what they are.

use std::fmt;

use super::bundles::Kind;
use crate::faults::tracer::Harm;

/// A command of brig's, or what is done to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Deed {
    Create,
    RunDetached,
    /// In the foreground: its parent lives as long as the container.
    Run,
    /// That parent is killed.
    EndParent,
    Start,
    Exec,
    ExecDetached,
    Pause,
    Resume,
    Update,
    Ps,
    State,
    List,
    Events,
    Kill,
    Delete,
    DeleteForced,
}

/// What there is of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    None,
    Creating,
    Created,
    Running,
    Paused,
    Stopped,
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// From 1 on.
    pub(super) number: usize,
    /// Which of the containers.
    pub(super) container: usize,
    pub(super) deed: Deed,
    /// What is made, where something is made.
    pub(super) kind: Kind,
    /// Which of its system calls is struck.
    pub(super) aim: Option<Harm>,
}

impl Step {
    pub(super) fn is_killed(&self) -> bool {
        matches!(self.aim, Some(Harm::Kill(_)))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} box{} ({:?}", self.deed, self.container, self.kind)?;
        match self.aim {
            Some(Harm::Kill(nth)) => write!(f, ", killed before call {nth})"),
            Some(Harm::Fail(nth, _)) => write!(f, ", call {nth} or later fails)"),
            Some(Harm::Strike(..) | Harm::Without(_)) | None => write!(f, ")"),
        }
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::RunDetached => "run --detach",
            Self::Run => "run",
            Self::EndParent => "end of a parent",
            Self::Start => "start",
            Self::Exec => "exec",
            Self::ExecDetached => "exec --detach",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Update => "update",
            Self::Ps => "ps",
            Self::State => "state",
            Self::List => "list",
            Self::Events => "events",
            Self::Kill => "kill",
            Self::Delete => "delete",
            Self::DeleteForced => "delete --force",
        })
    }
}

impl Deed {
    /// About so many system calls it makes, with `brig-init`'s.
    fn calls(self) -> usize {
        match self {
            Self::Create | Self::RunDetached | Self::Run => 450,
            Self::Exec | Self::ExecDetached => 250,
            Self::Delete | Self::DeleteForced => 150,
            Self::Start | Self::Update | Self::Ps | Self::List | Self::Events => 100,
            Self::Pause | Self::Resume | Self::State | Self::Kill | Self::EndParent => 70,
        }
    }

    /// What there is after it, if it succeeds.
    fn after(self, before: Status) -> Status {
        match (self, before) {
            (Self::Create, Status::None) => Status::Created,
            (Self::RunDetached | Self::Run, Status::None)
            | (Self::Start, Status::Created)
            | (Self::Resume, Status::Paused) => Status::Running,
            (Self::Pause, Status::Running | Status::Created) => Status::Paused,
            (Self::Kill, Status::Running | Status::Created) => Status::Stopped,
            (Self::Delete, Status::Stopped) | (Self::DeleteForced, _) => Status::None,
            _ => before,
        }
    }
}

/// Deeds that fit a status, and how often each is done.
fn fitting(status: Status) -> &'static [(Deed, usize)] {
    match status {
        Status::None => &[(Deed::Create, 4), (Deed::RunDetached, 6), (Deed::Run, 2)],
        Status::Creating | Status::Created => {
            &[(Deed::Start, 8), (Deed::State, 1), (Deed::Kill, 1), (Deed::DeleteForced, 1), (Deed::Pause, 1)]
        }
        Status::Running => &[
            (Deed::Exec, 5),
            (Deed::ExecDetached, 2),
            (Deed::Pause, 4),
            (Deed::Update, 3),
            (Deed::Ps, 2),
            (Deed::State, 1),
            (Deed::List, 1),
            (Deed::Events, 2),
            (Deed::Kill, 4),
            (Deed::DeleteForced, 3),
        ],
        Status::Paused => {
            &[(Deed::Resume, 6), (Deed::Ps, 1), (Deed::Update, 1), (Deed::Kill, 1), (Deed::DeleteForced, 2)]
        }
        Status::Stopped => &[(Deed::Delete, 6), (Deed::DeleteForced, 3), (Deed::State, 1)],
    }
}

const ALL: [Deed; 17] = [
    Deed::Create,
    Deed::RunDetached,
    Deed::Run,
    Deed::EndParent,
    Deed::Start,
    Deed::Exec,
    Deed::ExecDetached,
    Deed::Pause,
    Deed::Resume,
    Deed::Update,
    Deed::Ps,
    Deed::State,
    Deed::List,
    Deed::Events,
    Deed::Kill,
    Deed::Delete,
    Deed::DeleteForced,
];
/// One in so many commands is any, whether it fits or not.
const ODD: usize = 10;
/// Of so many steps with a container whose parent is in the foreground, one ends that parent.
const LONELY: usize = 6;
/// Of so many commands three are killed, and two have a fault.
const TROUBLE: usize = 16;

/// The system calls that a Rust program makes before its own `main`.
const BEFORE_MAIN: usize = 20;

/// The sequence; it never ends.
#[derive(Debug, Clone)]
pub(super) struct Score {
    random: Random,
    expected: Vec<Status>,
    /// Those whose parent is in the foreground.
    attended: Vec<bool>,
    number: usize,
}

impl Score {
    pub(super) fn new(seed: u64, containers: usize) -> Self {
        Self {
            random: Random(seed),
            expected: vec![Status::None; containers],
            attended: vec![false; containers],
            number: 0,
        }
    }

    fn deed(&mut self, status: Status, is_attended: bool) -> Deed {
        if is_attended && self.random.below(LONELY) == 0 {
            return Deed::EndParent;
        }
        let fitting = fitting(status);
        if self.random.below(ODD) == 0 {
            return ALL[self.random.below(ALL.len())];
        }
        let mut left = self.random.below(fitting.iter().map(|(_, weight)| weight).sum());
        for (deed, weight) in fitting {
            match left.checked_sub(*weight) {
                None => return *deed,
                Some(less) => left = less,
            }
        }
        Deed::State
    }

    fn aim(&mut self, deed: Deed) -> Option<Harm> {
        let nth = 1 + self.random.below(deed.calls());
        // Before them it is not brig's to say anything.
        let later = nth.max(BEFORE_MAIN);
        match self.random.below(TROUBLE) {
            _ if matches!(deed, Deed::Run | Deed::EndParent) => None,
            0..3 => Some(Harm::Kill(nth)),
            3..5 => Some(Harm::Fail(later, self.random.below(8))),
            _ => None,
        }
    }
}

impl Iterator for Score {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        self.number += 1;
        let container = self.random.below(self.expected.len());
        let status = self.expected[container];
        let deed = self.deed(status, self.attended[container]);
        let ends = matches!(deed, Deed::EndParent | Deed::Kill | Deed::DeleteForced);
        let begins = deed == Deed::Run && status == Status::None;
        self.attended[container] = begins || self.attended[container] && !ends;
        let kind = Kind::ALL[self.random.below(Kind::ALL.len())];
        let aim = self.aim(deed);
        let half_made = aim.is_some() && status == Status::None;
        self.expected[container] = if half_made { Status::Stopped } else { deed.after(status) };
        Some(Step { number: self.number, container, deed, kind, aim })
    }
}

/// SplitMix64.
#[derive(Debug, Clone)]
struct Random(u64);

impl Random {
    /// Some number below `limit`.
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((bits ^ (bits >> 31)) % limit.max(1) as u64).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_says_it_all() {
        let steps = |seed| Score::new(seed, 50).take(500).collect::<Vec<_>>();
        assert_eq!(steps(3), steps(3));
        assert_ne!(steps(3), steps(4));
    }

    #[test]
    fn everything_is_done_to_every_kind_of_container() {
        let steps: Vec<Step> = Score::new(1, 50).take(20_000).collect();
        for deed in ALL {
            assert!(steps.iter().filter(|step| step.deed == deed).count() > 100, "{deed}");
        }
        for kind in Kind::ALL {
            assert!(steps.iter().any(|step| step.kind == kind && step.deed == Deed::Create));
        }
        let struck = steps.iter().filter(|step| step.aim.is_some()).count();
        assert!((4000..8000).contains(&struck), "{struck}");
    }
}
