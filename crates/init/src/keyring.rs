//! The session keyring (`_ses.<id>`): the caller's keys must not be readable inside.
//! Runs in: init, all namespaces entered.

use brig_handshake::process::{Keyring, KeyringOf};
use brig_handshake::task::ExecTask;
use brig_handshake::{Fault, Step};
use brig_sys::keyctl;
use rustix::io::Errno;

use crate::fault::{At, Outcome};
use crate::parent::Parent;
use crate::procfs;

/// Joins the keyring of an exec if it is `here` that it is found.
pub(crate) fn join_of(here: KeyringOf, task: &ExecTask<'_>, parent: &Parent) -> Outcome<()> {
    match &task.keyring {
        Some(wanted) if task.keyring_of == here => join(wanted, parent),
        _ => Ok(()),
    }
}

/// Joins the keyring, making it if there is none, and lets its owner change it.
pub(crate) fn join(keyring: &Keyring<'_>, parent: &Parent) -> Outcome<()> {
    if let Some(label) = &keyring.label {
        procfs::host()
            .and_then(|proc| procfs::write_own(&proc, c"attr/keycreate", label.to_bytes()))
            .at(Step::Keyring)?;
    }
    let serial = match keyctl::join_session_keyring(&keyring.name) {
        // A kernel without keys has none to protect.
        Err(Errno::NOSYS) => {
            let errno = Errno::NOSYS.raw_os_error();
            return parent.note(Fault { step: Step::Keyring, index: 0, errno, text: (&b""[..]).into() });
        }
        other => other.at(Step::Keyring)?,
    };
    if keyring.permissions == 0 {
        return Ok(());
    }
    let mut description = [0; 512];
    let length = keyctl::describe(serial, &mut description).at(Step::Keyring)?.min(description.len());
    let permissions = permissions(&description[..length]).ok_or(Errno::PROTO).at(Step::Keyring)?;
    keyctl::set_permissions(serial, permissions | keyring.permissions).at(Step::Keyring)
}

/// The fourth field of "type;uid;gid;permissions;description", hexadecimal.
fn permissions(description: &[u8]) -> Option<u32> {
    let field = description.split(|byte| *byte == b';').nth(3)?;
    u32::from_str_radix(core::str::from_utf8(field).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::permissions;

    #[test]
    fn permissions_are_the_fourth_field() {
        assert_eq!(permissions(b"keyring;0;0;3f130000;_ses.c1\0"), Some(0x3f13_0000));
        assert_eq!(permissions(b"keyring;0;0"), None);
    }
}
