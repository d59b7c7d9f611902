//! What CRIU answers.
//! Runs in: the parent.

use super::protobuf::{Value, fields};
use super::request::{Job, LAZY_PAGES_FEATURE, MEM_TRACK};

/// `criu_resp`, as much of it as is looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reply {
    /// Its type; `None` for one that is not known.
    pub(crate) job: Option<Job>,
    pub(crate) success: bool,
    /// `cr_errno`.
    pub(crate) errno: i32,
    /// The name of a notification, and the process that it is about.
    pub(crate) script: String,
    pub(crate) pid: Option<i32>,
    pub(crate) version: Version,
    /// What the kernel and CRIU support.
    pub(crate) tracks_memory: bool,
    pub(crate) lazy_pages: bool,
}

impl Reply {
    /// `None` if the bytes are no message.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut reply = Self::default();
        for field in fields(bytes) {
            let (field, value) = field?;
            match field {
                1 => reply.job = Job::of_number(value.number()),
                2 => reply.success = value.number() != 0,
                // What a restore made.
                4 => reply.pid = numbers(value, 1)?,
                5 => reply.read_notification(value.bytes())?,
                7 => reply.errno = value.signed(),
                8 => {
                    reply.tracks_memory = numbers(value, MEM_TRACK)? == Some(1);
                    reply.lazy_pages = numbers(value, LAZY_PAGES_FEATURE)? == Some(1);
                }
                10 => reply.version = Version::read(value.bytes())?,
                _ => {}
            }
        }
        Some(reply)
    }

    fn read_notification(&mut self, bytes: &[u8]) -> Option<()> {
        for field in fields(bytes) {
            match field? {
                (1, value) => self.script = String::from_utf8_lossy(value.bytes()).into_owned(),
                (2, value) => self.pid = Some(value.signed()),
                _ => {}
            }
        }
        Some(())
    }
}

/// One number of a message.
fn numbers(message: Value<'_>, wanted: u32) -> Option<Option<i32>> {
    let mut found = None;
    for field in fields(message.bytes()) {
        let (field, value) = field?;
        if field == wanted {
            found = Some(value.signed());
        }
    }
    Some(found)
}

/// CRIU's version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// First number.
    pub major: u32,
    /// Second number.
    pub minor: u32,
    /// Third number.
    pub sublevel: u32,
}

impl Version {
    /// A version without a third number.
    pub(crate) const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor, sublevel: 0 }
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut version = Self::default();
        let mut between_releases = false;
        for field in fields(bytes) {
            let (field, value) = field?;
            let number = u32::try_from(value.number()).unwrap_or(0);
            match field {
                1 => version.major = number,
                2 => version.minor = number,
                3 => between_releases = !value.bytes().is_empty(),
                4 => version.sublevel = number,
                _ => {}
            }
        }
        // Built from a working tree: it has what the next release will have.
        if between_releases {
            version = Self::new(version.major, version.minor + 1);
        }
        Some(version)
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        if self.sublevel > 0 { write!(f, ".{}", self.sublevel) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::protobuf::Message;
    use super::*;

    #[test]
    fn a_notification_is_read() {
        let notification = Message::default().text(1, "setup-namespaces").signed(2, 4242).clone();
        let bytes = Message::default().number(1, 6).flag(2, true).message(5, &notification).clone();
        let reply = Reply::read(bytes.bytes()).unwrap();
        assert_eq!((reply.job, reply.success), (Some(Job::Notify), true));
        assert_eq!((reply.script.as_str(), reply.pid), ("setup-namespaces", Some(4242)));
    }

    #[test]
    fn a_version_between_two_releases_is_the_next_one() {
        let mut version = Message::default();
        version.number(1, 3).number(2, 17).number(4, 1);
        let read = |version: &Message| {
            Reply::read(Message::default().number(1, 10).message(10, version).bytes()).unwrap().version
        };
        assert_eq!(read(&version).to_string(), "3.17.1");
        version.text(3, "v3.17.1-44-gabc");
        assert_eq!(read(&version), Version::new(3, 18));
        assert!(Version::new(3, 11) < Version::new(4, 2));
    }

    #[test]
    fn bytes_that_are_no_message_are_no_reply() {
        assert_eq!(Reply::read(&[0x0a, 0xff]), None);
        assert_eq!(Reply::read(&[0x2a, 1, 0x0a]), None);
    }
}
