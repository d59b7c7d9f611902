//! The whole way from profile to program. Runs in: the parent, while brig-init builds the root filesystem.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use crate::arch::{ARM_PRIVATE, Arch, Name, X32_BIT};
use crate::condition::decide;
use crate::emit::emit;
use crate::error::Error;
use crate::graph::{Compare, Graph, Id, Test, Word};
use crate::insn::{ARCH, Insn};
use crate::profile::{Action, Flag, Profile};
use crate::ranges::{Ranges, Verdict};
use crate::resolve::{self, Abi, CaseLists, Resolved};

/// `SECCOMP_FILTER_FLAG_NEW_LISTENER`.
const NEW_LISTENER: u32 = 8;

/// ENOSYS: what a syscall gets that is newer than the profile.
const ENOSYS: u32 = 38;

/// libseccomp's answer to an ABI that the filter does not know: the thread is killed.
const BAD_ARCH: Verdict = Verdict::Return(Action::KillThread.return_value(None));

/// A program, and what to know for loading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiled {
    /// At most 4096 instructions.
    pub program: Vec<Insn>,
    /// Names that no architecture knows, once each, in the order of the profile: skipped, worth a debug line.
    pub unknown: Vec<String>,
    /// Whether a rule notifies: then loading gives a listener, which belongs to the agent at `listenerPath`.
    pub uses_notify: bool,
    /// For `seccomp(SECCOMP_SET_MODE_FILTER, flags, …)`; 0 means that prctl(PR_SET_SECCOMP) will do. Whether the
    /// running kernel knows them is for the caller to ask: those that the profile names are an error if not, the
    /// SPEC_ALLOW of a profile without `flags` is left out then.
    pub flags: u32,
    big_endian: bool,
}

impl Compiled {
    /// The program as `struct sock_filter[]` in the byte order of the machine it is for.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.program.iter().flat_map(|insn| insn.to_bytes(self.big_endian)).collect()
    }
}

/// The filter that `profile` describes, for a machine whose own ABI is `native`.
///
/// # Errors
/// See [`Error`]: notification where it cannot be, an argument index above 5, rules that contradict each other, an
/// architecture of the other byte order, a program longer than the kernel takes.
pub fn compile(profile: &Profile<'_>, native: Arch) -> Result<Compiled, Error> {
    refuse_notify(profile)?;
    let architectures = architectures(profile, native)?;
    let mut unknown = Vec::new();
    let rules = resolve::rules(profile, &mut unknown)?;
    let (graph, root) = build(profile, &architectures, &rules)?;
    Ok(Compiled {
        program: emit(&graph, root)?,
        unknown,
        uses_notify: profile.uses_notify(),
        flags: profile.load_flags(),
        big_endian: native.is_big_endian(),
    })
}

impl Profile<'_> {
    /// What can be told without compiling: whether [`compile`] refuses the profile for anything but rules that
    /// contradict each other or are too many.
    ///
    /// # Errors
    /// As [`compile`], but [`Error::Conflict`] and [`Error::TooLong`].
    pub fn check(&self, native: Arch) -> Result<(), Error> {
        refuse_notify(self)?;
        architectures(self, native)?;
        let mut conditions = self.rules.iter().flat_map(|rule| rule.args.iter().map(move |it| (rule, it)));
        match conditions.find(|(_, condition)| condition.index > 5) {
            Some((rule, condition)) => Err(resolve::no_such_argument(rule, condition.index)),
            None => Ok(()),
        }
    }

    /// Whether a rule notifies: then loading the filter gives a listener.
    #[must_use]
    pub fn uses_notify(&self) -> bool {
        self.rules.iter().any(|rule| rule.action == Action::Notify)
    }

    /// [`Compiled::flags`], known without compiling.
    #[must_use]
    pub fn load_flags(&self) -> u32 {
        let asked = self.flags.as_deref().unwrap_or(&[Flag::SpecAllow]);
        let bits = asked.iter().fold(0, |bits, flag| bits | flag.bit());
        match self.uses_notify() {
            true => bits | NEW_LISTENER,
            // the kernel takes WAIT_KILLABLE_RECV only together with NEW_LISTENER
            false => bits & !Flag::WaitKillableRecv.bit(),
        }
    }
}

fn refuse_notify(profile: &Profile<'_>) -> Result<(), Error> {
    if profile.default_action == Action::Notify {
        return Err(Error::NotifyAsDefault);
    }
    let on_write =
        profile.rules.iter().any(|rule| rule.action == Action::Notify && rule.names.contains(&"write"));
    if on_write { Err(Error::NotifyOnWrite) } else { Ok(()) }
}

/// The native one first: it is asked for most.
pub(crate) fn architectures(profile: &Profile<'_>, native: Arch) -> Result<Vec<Arch>, Error> {
    let mut all = vec![native];
    for &arch in &profile.architectures {
        if arch.is_big_endian() != native.is_big_endian() {
            return Err(Error::ByteOrder { arch: arch.name() });
        }
        if !all.contains(&arch) {
            all.push(arch);
        }
    }
    Ok(all)
}

/// The last architecture is built first, so that the native one's tree lies nearest to the entry.
fn build(
    profile: &Profile<'_>,
    architectures: &[Arch],
    rules: &[Resolved<'_>],
) -> Result<(Graph, Id), Error> {
    let plan = Defaults::of(profile);
    let mut lists = CaseLists::default();
    let mut graph = Graph::default();
    let bad_arch = graph.ret(Action::KillThread.return_value(None));
    let default = graph.ret(plan.default);
    let mut root = bad_arch;
    for audit in audit_numbers(architectures).into_iter().rev() {
        let mut abis = Vec::new();
        for &arch in architectures.iter().filter(|arch| arch.audit() == audit) {
            abis.push(Abi::new(arch, rules, &mut lists)?);
        }
        let mut made: Vec<Option<Id>> = vec![None; lists.all.len()];
        let mut leaf = |graph: &mut Graph, verdict: Verdict| match verdict {
            Verdict::Return(value) => graph.ret(value),
            Verdict::Cases(at) => *made[at].get_or_insert_with(|| {
                let (layout, cases) = &lists.all[at];
                decide(graph, cases, *layout, default)
            }),
        };
        let tree = plan.ranges(&abis).search(&mut graph, &mut leaf);
        let test = Test { word: Word::whole(ARCH), compare: Compare::Eq, k: audit };
        root = graph.test(test, tree, root);
    }
    Ok((graph, root))
}

fn audit_numbers(architectures: &[Arch]) -> Vec<u32> {
    let mut all = Vec::new();
    for arch in architectures {
        if !all.contains(&arch.audit()) {
            all.push(arch.audit());
        }
    }
    all
}

/// What numbers get that no rule speaks of.
struct Defaults {
    default: u32,
    /// For numbers above the last that the profile names: `None` where everything passes anyway.
    newer: Option<u32>,
}

impl Defaults {
    fn of(profile: &Profile<'_>) -> Defaults {
        let newer = match profile.default_action {
            Action::Allow | Action::Log | Action::Trace => None,
            Action::KillThread | Action::KillProcess | Action::Trap | Action::Errno | Action::Notify => {
                Some(Action::Errno.return_value(Some(ENOSYS)))
            }
        };
        Defaults { default: profile.default_action.return_value(profile.default_errno_ret), newer }
    }

    /// All numbers of the ABIs that share one audit number.
    fn ranges(&self, abis: &[Abi]) -> Ranges {
        let abi = |arch| abis.iter().find(|abi| abi.arch == arch);
        match (abi(Arch::X86_64), abi(Arch::X32)) {
            (None, None) => self.plain(abis),
            both => self.x86_64(both),
        }
    }

    fn plain(&self, abis: &[Abi]) -> Ranges {
        let mut ranges = Ranges::default();
        ranges.from(0, Verdict::Return(self.default), 0);
        if let Some(abi) = abis.first() {
            self.numbers(abi, &mut ranges);
        }
        ranges
    }

    /// The rules of one ABI, then ENOSYS for what is newer than the profile, whatever a rule says of it: a number can
    /// be behind the last only if runc does not count its name ([`Abi::last`]).
    fn numbers(&self, abi: &Abi, ranges: &mut Ranges) {
        let default = Verdict::Return(self.default);
        let newer = self.newer_than(Some(abi));
        let last = abi.last.filter(|_| newer.is_some()).unwrap_or(u32::MAX);
        let weights = weights(abi.arch);
        if let (Arch::S390 | Arch::S390x, Some(enosys)) = (abi.arch, newer) {
            // a signal handler's restart leaves 0 there, and the kernel's own answer is ENOSYS
            ranges.from(0, enosys, 0);
            ranges.from(1, default, 0);
        }
        let is_private = |number: u32| abi.arch == Arch::Arm && number >= ARM_PRIVATE;
        for &(number, verdict) in
            abi.verdicts.iter().filter(|(number, _)| *number <= last && !is_private(*number))
        {
            ranges.from(number, verdict, weight(&weights, number));
            ranges.from(number + 1, default, 0);
        }
        if let (Some(enosys), Some(last)) = (newer, abi.last) {
            ranges.from(last + 1, enosys, 0);
        }
        self.private_numbers(abi, newer, ranges);
    }

    /// arm's own syscalls are no measure of how new the profile is, so they are counted apart.
    fn private_numbers(&self, abi: &Abi, newer: Option<Verdict>, ranges: &mut Ranges) {
        let Some(last) = abi.last_private else { return };
        let default = Verdict::Return(self.default);
        ranges.from(ARM_PRIVATE, default, 0);
        for &(number, verdict) in abi.verdicts.iter().filter(|(number, _)| *number >= ARM_PRIVATE) {
            ranges.from(number, verdict, 0);
            ranges.from(number + 1, default, 0);
        }
        ranges.from(last + 1, newer.unwrap_or(default), 0);
    }

    /// What a number gets that is newer than the profile, if the profile names any of this ABI.
    fn newer_than(&self, abi: Option<&Abi>) -> Option<Verdict> {
        abi?.last?;
        self.newer.map(Verdict::Return)
    }

    /// Bit 30 tells x32 from x86_64, and bit 31 nothing: four quarters. A number of an ABI that the filter does not
    /// have is a foreign architecture's, but for -1, by which a tracer skips a call.
    fn x86_64(&self, (wide, x32): (Option<&Abi>, Option<&Abi>)) -> Ranges {
        let mut ranges = Ranges::default();
        let default = Verdict::Return(self.default);
        let foreign = if wide.is_some() && x32.is_some() { default } else { BAD_ARCH };
        ranges.from(0, if wide.is_some() { default } else { BAD_ARCH }, 0);
        if let Some(abi) = wide {
            self.numbers(abi, &mut ranges);
        }
        ranges.from(X32_BIT, if x32.is_some() { default } else { BAD_ARCH }, 0);
        if let Some(abi) = x32 {
            self.numbers(abi, &mut ranges);
        }
        let upper_wide = if wide.is_some() { foreign } else { default };
        ranges.from(0x8000_0000, self.newer_than(wide).unwrap_or(upper_wide), 0);
        let upper_x32 = if x32.is_some() { default } else { BAD_ARCH };
        ranges.from(0xc000_0000, self.newer_than(x32).unwrap_or(upper_x32), 0);
        if x32.is_none() {
            ranges.from(u32::MAX, default, 0);
        }
        ranges
    }
}

/// Syscalls that programs spend their lives in, by their share in traces of shells, servers and runtimes (roughly,
/// in units of a number nobody asks for). They get the short ways of the tree.
const COMMON: [(&str, u32); 20] = [
    ("read", 12),
    ("write", 12),
    ("futex", 12),
    ("epoll_wait", 6),
    ("epoll_pwait", 6),
    ("recvmsg", 6),
    ("recvfrom", 6),
    ("sendto", 6),
    ("sendmsg", 6),
    ("close", 6),
    ("fstat", 4),
    ("newfstatat", 4),
    ("openat", 6),
    ("mmap", 4),
    ("munmap", 4),
    ("poll", 4),
    ("ppoll", 4),
    ("rt_sigprocmask", 4),
    ("clock_gettime", 4),
    ("ioctl", 4),
];

fn weights(arch: Arch) -> Vec<(u32, u32)> {
    let known = |(name, weight): (&str, u32)| Some((arch.number_of(Name::find(name)?)?, weight));
    COMMON.into_iter().filter_map(known).collect()
}

fn weight(weights: &[(u32, u32)], number: u32) -> u32 {
    weights.iter().find(|(common, _)| *common == number).map_or(0, |(_, weight)| *weight)
}
