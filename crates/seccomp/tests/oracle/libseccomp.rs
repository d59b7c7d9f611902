//! The calls of libseccomp that runc makes, in the order in which it makes them.

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::{AsRawFd, FromRawFd};

use brig_seccomp::{Action, Arch, Insn, Operator, Profile};

#[repr(C)]
#[derive(Clone, Copy)]
struct ArgCmp {
    arg: c_uint,
    op: c_int,
    datum_a: u64,
    datum_b: u64,
}

#[repr(C)]
struct Version {
    major: c_uint,
    minor: c_uint,
    micro: c_uint,
}

#[link(name = "seccomp", kind = "static", modifiers = "-bundle")]
unsafe extern "C" {
    fn seccomp_init(def_action: u32) -> *mut c_void;
    fn seccomp_release(ctx: *mut c_void);
    fn seccomp_arch_add(ctx: *mut c_void, arch: u32) -> c_int;
    fn seccomp_arch_remove(ctx: *mut c_void, arch: u32) -> c_int;
    fn seccomp_arch_native() -> u32;
    fn seccomp_attr_set(ctx: *mut c_void, attr: c_int, value: u32) -> c_int;
    fn seccomp_api_set(level: c_uint) -> c_int;
    fn seccomp_syscall_resolve_name(name: *const c_char) -> c_int;
    fn seccomp_syscall_resolve_name_arch(arch: u32, name: *const c_char) -> c_int;
    fn seccomp_syscall_resolve_num_arch(arch: u32, number: c_int) -> *mut c_char;
    fn seccomp_rule_add_array(
        ctx: *mut c_void,
        action: u32,
        nr: c_int,
        count: c_uint,
        args: *const ArgCmp,
    ) -> c_int;
    fn seccomp_export_bpf(ctx: *const c_void, fd: c_int) -> c_int;
    fn seccomp_version() -> *const Version;
}

/// `__NR_SCMP_ERROR`.
const UNRESOLVED: c_int = -1;
/// `SCMP_FLTATR_CTL_OPTIMIZE`.
const OPTIMIZE: c_int = 8;
const EEXIST: c_int = 17;

/// How libseccomp lays out its search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Search {
    Linear,
    Tree,
}

/// What libseccomp makes of a profile.
#[derive(Debug)]
pub(crate) enum Made {
    Program(Vec<Insn>),
    /// EEXIST: rules that contradict each other.
    Contradiction,
    /// E2BIG or the like: its own limits.
    Failed(c_int),
}

pub(crate) fn version() -> (u32, u32, u32) {
    // SAFETY: takes nothing.
    let version = unsafe { seccomp_version() };
    // SAFETY: the library returned its one static structure.
    let version = unsafe { &*version };
    (version.major, version.minor, version.micro)
}

/// `SCMP_ARCH_*`: the audit number, but for x32.
pub(crate) fn token(arch: Arch) -> u32 {
    if arch == Arch::X32 { 0x4000_003e } else { arch.audit() }
}

/// The number of a name on an architecture; negative for one that is only reached otherwise, or not at all.
pub(crate) fn number(arch: Arch, name: &str) -> Option<i32> {
    let name = CString::new(name).unwrap();
    // SAFETY: a C string that lives through the call.
    let number = unsafe { seccomp_syscall_resolve_name_arch(token(arch), name.as_ptr()) };
    (number != UNRESOLVED).then_some(number)
}

/// Whether a rule on `name` becomes one on that syscall: two of the numbers that libseccomp invents for names that
/// x86_64 does not have are given out twice (switch_endian and sys_debug_setcontext).
pub(crate) fn tells_apart(name: &str) -> bool {
    number(Arch::X86_64, name)
        .is_some_and(|number| self::name(Arch::X86_64, number as u32).as_deref() == Some(name))
}

pub(crate) fn supports(arch: Arch) -> bool {
    let Some(filter) = Filter::new(0x7fff_0000, arch, &[]) else { return false };
    drop(filter);
    true
}

pub(crate) fn compile(profile: &Profile<'_>, native: Arch, search: Search) -> Made {
    let default = profile.default_action.return_value(profile.default_errno_ret);
    let filter = Filter::new(default, native, &profile.architectures).unwrap();
    if search == Search::Tree {
        // SAFETY: the context is alive, and the attribute is a number.
        assert_eq!(unsafe { seccomp_attr_set(filter.0, OPTIMIZE, 2) }, 0);
    }
    for rule in &profile.rules {
        let action = rule.action.return_value(rule.errno_ret);
        let args: Vec<ArgCmp> = rule
            .args
            .iter()
            .map(|c| ArgCmp { arg: c.index, op: operator(c.op), datum_a: c.value, datum_b: c.value_two })
            .collect();
        let repeated = (0..6).any(|index| rule.args.iter().filter(|c| c.index == index).count() > 1);
        let sets: Vec<&[ArgCmp]> = if repeated { args.chunks(1).collect() } else { vec![&args] };
        for name in rule.names.iter().filter(|_| action != default) {
            let name = CString::new(*name).unwrap();
            // SAFETY: a C string that lives through the call.
            let number = unsafe { seccomp_syscall_resolve_name(name.as_ptr()) };
            for set in sets.iter().filter(|_| number != UNRESOLVED) {
                let count = u32::try_from(set.len()).unwrap();
                // SAFETY: the context is alive, and `set` has `count` entries.
                let rc = unsafe { seccomp_rule_add_array(filter.0, action, number, count, set.as_ptr()) };
                match -rc {
                    0 => {}
                    EEXIST => return Made::Contradiction,
                    errno => return Made::Failed(errno),
                }
            }
        }
    }
    filter.export(native.is_big_endian())
}

struct Filter(*mut c_void);

impl Filter {
    fn new(default: u32, native: Arch, architectures: &[Arch]) -> Option<Filter> {
        // SAFETY: takes a number. Level 6 says that the kernel has everything.
        assert_eq!(unsafe { seccomp_api_set(6) }, 0);
        // SAFETY: takes a number.
        let filter = Filter(unsafe { seccomp_init(default) });
        assert!(!filter.0.is_null());
        // SAFETY: takes nothing.
        let own = unsafe { seccomp_arch_native() };
        // SAFETY: the context is alive, and an architecture is a number.
        assert_eq!(unsafe { seccomp_arch_remove(filter.0, own) }, 0);
        for arch in std::iter::once(&native).chain(architectures) {
            // SAFETY: the context is alive.
            match -unsafe { seccomp_arch_add(filter.0, token(*arch)) } {
                0 | EEXIST => {}
                _ => return None,
            }
        }
        Some(filter)
    }

    fn export(&self, big_endian: bool) -> Made {
        // SAFETY: a C string literal, and no other memory.
        let fd = unsafe { libc::memfd_create(c"filter".as_ptr(), 0) };
        assert!(fd >= 0);
        // SAFETY: the kernel just returned `fd` as a new descriptor and no one else has it.
        let mut file = unsafe { File::from_raw_fd(fd) };
        // SAFETY: the context is alive, the descriptor open.
        let rc = unsafe { seccomp_export_bpf(self.0, file.as_raw_fd()) };
        if rc != 0 {
            return Made::Failed(-rc);
        }
        let mut bytes = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut bytes).unwrap();
        Made::Program(bytes.chunks_exact(8).map(|insn| read(insn, big_endian)).collect())
    }
}

impl Drop for Filter {
    fn drop(&mut self) {
        // SAFETY: made by seccomp_init and released nowhere else.
        unsafe { seccomp_release(self.0) }
    }
}

fn read(bytes: &[u8], big_endian: bool) -> Insn {
    let (code, k) = (bytes[..2].try_into().unwrap(), bytes[4..].try_into().unwrap());
    match big_endian {
        true => {
            let insn =
                Insn { code: u16::from_be_bytes(code), jt: bytes[2], jf: bytes[3], k: u32::from_be_bytes(k) };
            Insn { k: if insn.code == 6 { returned(insn.k) } else { insn.k }, ..insn }
        }
        false => {
            Insn { code: u16::from_le_bytes(code), jt: bytes[2], jf: bytes[3], k: u32::from_le_bytes(k) }
        }
    }
}

/// On a little-endian machine libseccomp swaps the bytes of those RETs twice that it copies for far jumps.
fn returned(value: u32) -> u32 {
    let is_action =
        |value: u32| matches!(value >> 16, 0x8000 | 3 | 5 | 0x7ff0 | 0x7fff | 0x7ffc | 0x7fc0) || value == 0;
    if is_action(value) { value } else { value.swap_bytes() }
}

fn operator(op: Operator) -> c_int {
    match op {
        Operator::Ne => 1,
        Operator::Lt => 2,
        Operator::Le => 3,
        Operator::Eq => 4,
        Operator::Ge => 5,
        Operator::Gt => 6,
        Operator::MaskedEq => 7,
    }
}

pub(crate) fn name(arch: Arch, number: u32) -> Option<String> {
    // SAFETY: takes numbers.
    let text = unsafe { seccomp_syscall_resolve_num_arch(token(arch), number as c_int) };
    if text.is_null() {
        return None;
    }
    // SAFETY: the library returned a C string.
    let name = unsafe { CStr::from_ptr(text) }.to_str().unwrap().to_owned();
    // SAFETY: it was allocated for the caller, who has copied it.
    unsafe { libc::free(text.cast()) };
    Some(name)
}

/// runc's stub before the filter, which is not libseccomp's work: ENOSYS for what is newer than the profile.
pub(crate) struct Stub {
    last: Vec<(Arch, u32)>,
}

impl Stub {
    pub(crate) fn of(profile: &Profile<'_>, native: Arch) -> Stub {
        if matches!(profile.default_action, Action::Allow | Action::Log | Action::Trace) {
            return Stub { last: Vec::new() };
        }
        let last = |arch: Arch| {
            let named = profile.rules.iter().flat_map(|rule| &rule.names);
            named.filter_map(|name| number(arch, name)).max().filter(|last| *last > 0)
        };
        let present = profile.architectures.iter().chain([&native]);
        Stub { last: present.filter_map(|arch| Some((*arch, last(*arch)? as u32))).collect() }
    }

    pub(crate) fn is_newer(&self, audit: u32, nr: u32) -> bool {
        let of_this = |(arch, last): &(Arch, u32)| match arch {
            Arch::X32 | Arch::X86_64 => (*arch == Arch::X32) == (nr & 0x4000_0000 != 0) && nr > *last,
            Arch::S390 | Arch::S390x => nr == 0 || nr > *last,
            _ => nr > *last,
        };
        self.last.iter().any(|entry| entry.0.audit() == audit && of_this(entry))
    }
}
