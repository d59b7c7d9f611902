//! Masked and read-only paths (`linux.maskedPaths`, `linux.readonlyPaths`).
//! Runs in: the parent; pure. Done in `brig-init`'s file of the same name.

use std::collections::HashSet;

use brig_handshake::Text;
use brig_handshake::mounts::{Mount, What};
use brig_handshake::rootfs::Kernel;

use crate::refusal::Refusal;
use crate::spec::{Linux, Str};
use crate::text::{clean, text};

/// `linux.readonlyPaths`, in order.
pub(crate) fn readonly<'a>(linux: &Linux<'_>) -> Result<Vec<Text<'a>>, Refusal> {
    absolute(&linux.readonly_paths, "linux.readonlyPaths")
}

/// `linux.maskedPaths`, in order. A path given twice is masked once: over a mask there is nothing to mask.
pub(crate) fn masked<'a>(linux: &Linux<'_>) -> Result<Vec<Text<'a>>, Refusal> {
    let mut paths = absolute(&linux.masked_paths, "linux.maskedPaths")?;
    let mut seen = HashSet::with_capacity(paths.len());
    paths.retain(|path: &Text<'_>| seen.insert(path.clone()));
    Ok(paths)
}

/// The kernel's file systems below which there are such paths, where the last mount at that place is one. Their paths are looked
/// up beneath what was mounted: a neighbour who shares the rootfs could exchange `/proc` for an empty directory, and nothing
/// of the proc that he moves away would be masked.
pub(crate) fn kernel(mounts: &[Mount<'_>], lists: &[&[Text<'_>]]) -> Vec<Kernel> {
    let wanted = |kernel: &Kernel| {
        let place = kernel.place();
        let is_below = |path: &Text<'_>| {
            path.to_bytes().strip_prefix(place.to_bytes()).is_some_and(|rest| rest.starts_with(b"/"))
        };
        let last = mounts.iter().rfind(|mount| *mount.destination == *place);
        let fs_type = last.map_or(c"", |mount| match &mount.what {
            What::Filesystem(filesystem) => &filesystem.fs_type,
            What::Bind(_) | What::Cgroup1(_) | What::Cgroup2(_) => c"",
        });
        let is_kernels = match kernel {
            Kernel::Proc => fs_type == c"proc",
            Kernel::Sysfs => fs_type == c"sysfs",
        };
        is_kernels && lists.iter().any(|list| list.iter().any(is_below))
    };
    [Kernel::Proc, Kernel::Sysfs].into_iter().filter(wanted).collect()
}

fn absolute<'a>(paths: &[Str<'_>], at: &str) -> Result<Vec<Text<'a>>, Refusal> {
    paths.iter().enumerate().map(|(i, path)| text(clean(path), format_args!("{at}[{i}]"))).collect()
}
