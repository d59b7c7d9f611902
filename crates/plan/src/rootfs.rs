//! The root filesystem: propagation, the root switch, what is read-only.
//! Runs in: the parent; pure. Done in `brig-init`'s rootfs and pivot.

use brig_handshake::devices::Devices;
use brig_handshake::mounts::Mount;
use brig_handshake::rootfs::{RootSwitch, Rootfs};

use crate::kernel::{clone, ms};
use crate::mount_options;
use crate::namespaces::Listed;
use crate::options::Options;
use crate::paths;
use crate::refusal::Refusal;
use crate::spec::{Linux, Spec};
use crate::text::{beneath, clean, text};

/// Plans the root filesystem around its mounts and devices.
pub(crate) fn plan<'a>(
    spec: &Spec<'_>,
    linux: &Linux<'_>,
    listed: &Listed<'_>,
    options: &Options<'_>,
    mounts: Vec<Mount<'a>>,
    devices: Option<Devices<'a>>,
) -> Result<Rootfs<'a>, Refusal> {
    let (path, readonly) = spec.root.as_ref().map_or(("", false), |root| (&*root.path, root.readonly));
    if path.is_empty() {
        return Err(Refusal::runc("root", "root must be specified"));
    }
    let cwd = spec.process.as_ref().map_or("/", |process| &process.cwd);
    let switch = switch(listed, options);
    let propagation = propagation(linux, switch)?;
    if readonly && switch == RootSwitch::Chroot {
        let words = "a root can be made read-only only in a mount namespace of its own";
        return Err(Refusal::at("root.readonly", words));
    }
    let (readonly_paths, masked_paths) = (paths::readonly(linux)?, paths::masked(linux)?);
    Ok(Rootfs {
        kernel: paths::kernel(&mounts, &[&readonly_paths, &masked_paths]),
        path: text(beneath(options.bundle, path), format_args!("root.path"))?,
        switch,
        propagation: propagation.first,
        private_parent: propagation.first & ms::SHARED != 0,
        final_propagation: propagation.last,
        mounts,
        devices,
        make_cwd: clean(cwd) != "/",
        readonly,
        readonly_paths,
        masked_paths,
    })
}

/// A namespace that is the host's, or somebody else's, is left as it is: there the rootfs is only entered.
fn switch(listed: &Listed<'_>, options: &Options<'_>) -> RootSwitch {
    match (listed.creates(clone::NEWNS), options.no_pivot) {
        (true, false) => RootSwitch::Pivot,
        (true, true) => RootSwitch::MoveRoot,
        (false, _) => RootSwitch::Chroot,
    }
}

struct Propagation {
    first: u32,
    last: u32,
}

/// `linux.rootfsPropagation`, first for the copied host tree and in the end for the container's root.
///
/// The tree is always changed as a whole (`MS_REC`): one mount of it that still shared with the host would carry
/// ours there.
fn propagation(linux: &Linux<'_>, switch: RootSwitch) -> Result<Propagation, Refusal> {
    let word = &*linux.rootfs_propagation;
    let refuse = |words: String| Err(Refusal::runc("linux.rootfsPropagation", words));
    if switch == RootSwitch::Chroot {
        return match word {
            "" => Ok(Propagation { first: 0, last: 0 }),
            _ => refuse(format!("rootfsPropagation={word} is not supported without a new mount namespace")),
        };
    }
    let flags = match mount_options::propagation(word) {
        Some(flags) => flags,
        // What is mounted in from the host may be a slave of the host's; the root itself receives nothing, as in runc since 1.2.
        None if word.is_empty() => {
            return Ok(Propagation { first: ms::SLAVE | ms::REC, last: ms::PRIVATE });
        }
        None => return refuse(format!("rootfsPropagation={word} is not supported")),
    };
    match flags & !ms::REC {
        ms::PRIVATE if switch == RootSwitch::MoveRoot => {
            refuse("rootfsPropagation of [r]private is not safe without pivot_root".to_owned())
        }
        ms::PRIVATE => Ok(Propagation { first: ms::PRIVATE | ms::REC, last: 0 }),
        // Nothing of an unbindable tree could be bound, the rootfs itself included: so only in the end.
        ms::UNBINDABLE => Ok(Propagation { first: ms::PRIVATE | ms::REC, last: flags }),
        kind => Ok(Propagation { first: kind | ms::REC, last: flags }),
    }
}
