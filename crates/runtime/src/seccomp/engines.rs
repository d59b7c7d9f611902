//! Programs of the profiles that Docker, containerd and Podman send for a container with nothing but their defaults, compiled
//! when brig was built. Runs in: the parent.

use brig_seccomp::Canonical;

include!(concat!(env!("OUT_DIR"), "/engines.rs"));

/// Abridged profiles and their programs.
static BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/engines.bin"));

/// Which compiler this brig has: a hash of its sources.
pub(super) const VERSION: u128 = COMPILER;

struct Engine {
    hash: u128,
    profile: (usize, usize),
    program: (usize, usize),
}

/// The program of `profile`, if an engine sends just that one. The hash finds it; that it is the same is compared.
pub(super) fn find(profile: &Canonical) -> Option<&'static [u8]> {
    let hash = profile.hash();
    let engine = TABLE.iter().find(|engine| engine.hash == hash)?;
    let part = |(start, end): (usize, usize)| BYTES.get(start..end);
    profile.is(part(engine.profile)?).then(|| part(engine.program))?
}
