//! Making a container of images that `checkpoint` wrote: in its own cgroup, with the mounts, namespaces, hooks and limits of a
//! bundle, under any id. Once it is there it is like any other.
//! Runs in: the parent, on the host, beside CRIU. What is done is in `create`: a container of images differs from others in who
//! makes its first process.

use crate::create::{self, Created};
use crate::criu::Options;
use crate::error::Result;
use crate::store::{ContainerId, Store};

/// What a container is made of.
#[derive(Debug, Clone)]
pub struct Images<'i> {
    /// What `checkpoint` is told as well.
    pub options: Options<'i>,
    /// Security profile instead of the one that was dumped: `apparmor:NAME`, `selinux:LABEL`.
    pub lsm_profile: Option<&'i str>,
    /// SELinux context for its mounts.
    pub lsm_mount_context: Option<&'i str>,
}

impl<'i> Images<'i> {
    /// Images with these options, and the profiles that were dumped.
    pub const fn new(options: Options<'i>) -> Self {
        Self { options, lsm_profile: None, lsm_mount_context: None }
    }
}

/// Creates a container of images. It runs as soon as it is there: [`create::Request::gate`] is to be false.
///
/// # Errors
/// As for [`create::create`], and `Criu`. Nothing is left behind.
pub fn restore(
    store: &Store,
    id: &ContainerId,
    request: &create::Request<'_>,
    images: &Images<'_>,
) -> Result<Created> {
    create::make(store, id, request, Some(images))
}
