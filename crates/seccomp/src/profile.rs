//! What goes in: a seccomp profile as `linux.seccomp` of the OCI runtime spec describes it, already typed.
//! Runs in: the parent, under `plan`, which fills these types from its own and adds the JSON path to a refusal.

use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use crate::arch::Arch;

/// EPERM: what `SCMP_ACT_ERRNO` answers and `SCMP_ACT_TRACE` reports when the profile gives no number.
const EPERM: u32 = 1;

/// `linux.seccomp`: what may be called, and what happens otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile<'a> {
    /// `defaultAction`: for every syscall that no rule names or matches.
    pub default_action: Action,
    /// `defaultErrnoRet`: errno (or trace data) of the default action; absent is EPERM.
    pub default_errno_ret: Option<u32>,
    /// `architectures`: other ABIs that may be used; the native one always may.
    pub architectures: Vec<Arch>,
    /// `flags`: `None` when the key is absent (then SPEC_ALLOW), `Some(vec![])` when it is an empty list.
    pub flags: Option<Vec<Flag>>,
    /// `syscalls`, in the order of the profile.
    pub rules: Vec<Rule<'a>>,
}

/// One entry of `linux.seccomp.syscalls`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule<'a> {
    /// `names`; those that no architecture knows are skipped and reported.
    pub names: Vec<&'a str>,
    /// `action`: when every condition of `args` holds.
    pub action: Action,
    /// `errnoRet`: errno (or trace data) of the action; absent is EPERM.
    pub errno_ret: Option<u32>,
    /// `args`: all must hold; but if an index occurs twice, each is a rule of its own (as runc has it).
    pub args: Vec<Condition>,
}

/// One entry of `linux.seccomp.syscalls[].args`: a comparison of one argument, 64 bits wide where the ABI is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Condition {
    /// `index`: which argument, 0 to 5.
    pub index: u32,
    /// `value`: what to compare with; for [`Operator::MaskedEq`] the mask.
    pub value: u64,
    /// `valueTwo`: for [`Operator::MaskedEq`] what the masked argument must equal; else unused.
    pub value_two: u64,
    /// `op`.
    pub op: Operator,
}

/// What the kernel does with a syscall: `SCMP_ACT_*`, seccomp(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// `SCMP_ACT_KILL`, `SCMP_ACT_KILL_THREAD`: the calling thread dies of SIGSYS.
    KillThread,
    /// `SCMP_ACT_KILL_PROCESS`: the whole process dies of SIGSYS.
    KillProcess,
    /// `SCMP_ACT_TRAP`: SIGSYS is sent, and may be caught.
    Trap,
    /// `SCMP_ACT_ERRNO`: the call fails with the errno given.
    Errno,
    /// `SCMP_ACT_TRACE`: a tracer decides; without one, ENOSYS.
    Trace,
    /// `SCMP_ACT_ALLOW`.
    Allow,
    /// `SCMP_ACT_LOG`: allowed, and written to the audit log.
    Log,
    /// `SCMP_ACT_NOTIFY`: the process holding the listener decides.
    Notify,
}

/// How an argument is compared: `SCMP_CMP_*`. All comparisons are unsigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `SCMP_CMP_NE`.
    Ne,
    /// `SCMP_CMP_LT`.
    Lt,
    /// `SCMP_CMP_LE`.
    Le,
    /// `SCMP_CMP_EQ`.
    Eq,
    /// `SCMP_CMP_GE`.
    Ge,
    /// `SCMP_CMP_GT`.
    Gt,
    /// `SCMP_CMP_MASKED_EQ`.
    MaskedEq,
}

/// How the filter is to be loaded: `SECCOMP_FILTER_FLAG_*`, seccomp(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flag {
    /// TSYNC: accepted and without effect, since the thread that loads the filter is the only one.
    Tsync,
    /// LOG: write every action but ALLOW to the audit log.
    Log,
    /// SPEC_ALLOW: leave speculative store bypass as it is.
    SpecAllow,
    /// WAIT_KILLABLE_RECV: once the agent has read a notification, only a fatal signal interrupts the call.
    WaitKillableRecv,
}

/// A word of the profile that brig does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownWord {
    kind: &'static str,
    word: alloc::string::String,
}

impl Action {
    /// Every action by its OCI name, aliases last, in the order `brig features` lists them.
    pub const NAMES: [(&'static str, Action); 9] = [
        ("SCMP_ACT_ALLOW", Action::Allow),
        ("SCMP_ACT_ERRNO", Action::Errno),
        ("SCMP_ACT_KILL", Action::KillThread),
        ("SCMP_ACT_KILL_PROCESS", Action::KillProcess),
        ("SCMP_ACT_KILL_THREAD", Action::KillThread),
        ("SCMP_ACT_LOG", Action::Log),
        ("SCMP_ACT_NOTIFY", Action::Notify),
        ("SCMP_ACT_TRACE", Action::Trace),
        ("SCMP_ACT_TRAP", Action::Trap),
    ];

    /// What a filter returns for this action (`SECCOMP_RET_*`): only ERRNO and TRACE carry the number, of which
    /// the kernel sees 16 bits.
    #[must_use]
    pub const fn return_value(self, errno_ret: Option<u32>) -> u32 {
        let data = match errno_ret {
            Some(errno) => errno & 0xffff,
            None => EPERM,
        };
        match self {
            Action::KillThread => 0,
            Action::KillProcess => 0x8000_0000,
            Action::Trap => 0x0003_0000,
            Action::Errno => 0x0005_0000 | data,
            Action::Trace => 0x7ff0_0000 | data,
            Action::Allow => 0x7fff_0000,
            Action::Log => 0x7ffc_0000,
            Action::Notify => 0x7fc0_0000,
        }
    }
}

impl Operator {
    /// Every operator by its OCI name.
    pub const NAMES: [(&'static str, Operator); 7] = [
        ("SCMP_CMP_EQ", Operator::Eq),
        ("SCMP_CMP_GE", Operator::Ge),
        ("SCMP_CMP_GT", Operator::Gt),
        ("SCMP_CMP_LE", Operator::Le),
        ("SCMP_CMP_LT", Operator::Lt),
        ("SCMP_CMP_MASKED_EQ", Operator::MaskedEq),
        ("SCMP_CMP_NE", Operator::Ne),
    ];
}

impl Flag {
    /// Every flag by its OCI name.
    pub const NAMES: [(&'static str, Flag); 4] = [
        ("SECCOMP_FILTER_FLAG_TSYNC", Flag::Tsync),
        ("SECCOMP_FILTER_FLAG_LOG", Flag::Log),
        ("SECCOMP_FILTER_FLAG_SPEC_ALLOW", Flag::SpecAllow),
        ("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", Flag::WaitKillableRecv),
    ];

    /// The bit of `seccomp(SECCOMP_SET_MODE_FILTER, flags, …)`; TSYNC is never passed on.
    #[must_use]
    pub const fn bit(self) -> u32 {
        match self {
            Flag::Tsync => 0,
            Flag::Log => 2,
            Flag::SpecAllow => 4,
            Flag::WaitKillableRecv => 32,
        }
    }
}

impl FromStr for Action {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Action, UnknownWord> {
        find(&Action::NAMES, word, "action")
    }
}

impl FromStr for Operator {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Operator, UnknownWord> {
        find(&Operator::NAMES, word, "operator")
    }
}

impl FromStr for Arch {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Arch, UnknownWord> {
        let found = Arch::ALL.into_iter().find(|arch| arch.name() == word);
        found.ok_or_else(|| UnknownWord { kind: "arch", word: word.into() })
    }
}

impl FromStr for Flag {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Flag, UnknownWord> {
        find(&Flag::NAMES, word, "flag")
    }
}

fn find<T: Copy>(names: &[(&str, T)], word: &str, kind: &'static str) -> Result<T, UnknownWord> {
    let found = names.iter().find(|(name, _)| *name == word);
    found.map(|(_, value)| *value).ok_or_else(|| UnknownWord { kind, word: word.into() })
}

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            "flag" => write!(f, "seccomp flag {} is not known to brig", self.word),
            kind => write!(f, "string {} is not a valid {kind} for seccomp", self.word),
        }
    }
}

impl core::error::Error for UnknownWord {}
