//! The kernel's side of a file system in user space (fuse(4), linux/fuse.h): as much of it as directories and small files
//! need. Nothing is cached, and every write comes as it was made.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rustix::io::Errno;
use rustix::mount::{MountFlags, mount};

use super::tree::{Node, Tree};

/// Mounts the tree, and answers from a thread of its own until it is unmounted everywhere.
pub(super) fn serve(path: &Path, tree: Arc<Mutex<Tree>>) -> Result<(), String> {
    let device = OpenOptions::new().read(true).write(true).open("/dev/fuse");
    let device = device.map_err(|error| format!("/dev/fuse: {error}"))?;
    let options = format!("fd={},rootmode=40000,user_id=0,group_id=0,allow_other", device.as_raw_fd());
    let options = CString::new(options).map_err(|error| error.to_string())?;
    mount("resctrl-of-tests", path, "fuse", MountFlags::NODEV | MountFlags::NOSUID, options.as_c_str())
        .map_err(|errno| format!("mount a fuse file system: {errno}"))?;
    let server = Server { device, tree, numbers: BTreeMap::from([(1, String::new())]), next: 2 };
    std::thread::spawn(move || server.run());
    Ok(())
}

struct Server {
    device: File,
    tree: Arc<Mutex<Tree>>,
    /// The path of every node that the kernel was told of.
    numbers: BTreeMap<u64, String>,
    next: u64,
}

/// A question of the kernel.
struct Question<'q> {
    operation: u32,
    node: u64,
    body: &'q [u8],
}

impl Server {
    fn run(mut self) {
        let mut buffer = vec![0; 1 << 17];
        // ENODEV when it is unmounted.
        while let Ok(length) = self.device.read(&mut buffer) {
            let question = &buffer[..length];
            let unique = number(question, 8);
            let asked =
                Question { operation: half(question, 4), node: number(question, 16), body: &question[40..] };
            let Some(answer) = self.answer(&asked) else { continue };
            let (error, body) = match answer {
                Ok(body) => (0, body),
                Err(errno) => (-errno.raw_os_error(), Vec::new()),
            };
            let mut reply = Vec::new();
            reply.extend(u32::try_from(16 + body.len()).unwrap().to_ne_bytes());
            reply.extend(error.to_ne_bytes());
            reply.extend(unique.to_ne_bytes());
            reply.extend(body);
            // Who asked may have been interrupted meanwhile.
            self.device.write_all(&reply).ok();
        }
    }

    /// `None` for what wants no answer.
    fn answer(&mut self, asked: &Question<'_>) -> Option<Result<Vec<u8>, Errno>> {
        const FORGET: u32 = 2;
        const INTERRUPT: u32 = 36;
        const BATCH_FORGET: u32 = 42;
        if [FORGET, INTERRUPT, BATCH_FORGET].contains(&asked.operation) {
            return None;
        }
        let Some(path) = self.numbers.get(&asked.node).cloned() else {
            return Some(if asked.operation == 26 { Ok(init()) } else { Err(Errno::NOENT) });
        };
        let body = asked.body;
        Some(match asked.operation {
            1 => self.entry(&join(&path, name(body))),
            // GETATTR; SETATTR, of O_TRUNC.
            3 | 4 => self.attributes(asked.node, &path),
            9 => self.mkdir(&join(&path, name(&body[8..]))),
            11 => self.rmdir(&join(&path, name(body))),
            14 => self.opened(&path, 1),
            15 => self.read(&path, body),
            16 => self.write(&path, body),
            17 => Ok(vec![0; 80]),
            27 => self.opened(&path, 0),
            28 => self.list(&path, body),
            // FLUSH, RELEASE, RELEASEDIR, ACCESS, DESTROY.
            25 | 18 | 29 | 34 | 38 => Ok(Vec::new()),
            _ => Err(Errno::NOSYS),
        })
    }

    fn number_of(&mut self, path: &str) -> u64 {
        if let Some((number, _)) = self.numbers.iter().find(|(_, known)| *known == path) {
            return *number;
        }
        self.numbers.insert(self.next, path.to_owned());
        self.next += 1;
        self.next - 1
    }

    fn entry(&mut self, path: &str) -> Result<Vec<u8>, Errno> {
        let attributes = self.node(path).map(|node| attributes(&node))?;
        let number = self.number_of(path);
        let mut entry = Vec::new();
        entry.extend(number.to_ne_bytes());
        entry.extend([0; 32]);
        entry.extend(number.to_ne_bytes());
        entry.extend(attributes);
        Ok(entry)
    }

    fn attributes(&mut self, number: u64, path: &str) -> Result<Vec<u8>, Errno> {
        let mut answer = vec![0; 16];
        answer.extend(number.to_ne_bytes());
        answer.extend(attributes(&self.node(path)?));
        Ok(answer)
    }

    fn node(&self, path: &str) -> Result<Node, Errno> {
        self.tree.lock().unwrap().node(path).ok_or(Errno::NOENT)
    }

    fn mkdir(&mut self, path: &str) -> Result<Vec<u8>, Errno> {
        self.tree.lock().unwrap().mkdir(path)?;
        self.entry(path)
    }

    fn rmdir(&mut self, path: &str) -> Result<Vec<u8>, Errno> {
        self.tree.lock().unwrap().rmdir(path)?;
        // What is made under that name later is something else.
        self.numbers.retain(|_, known| known != path && !known.starts_with(&format!("{path}/")));
        Ok(Vec::new())
    }

    /// With FOPEN_DIRECT_IO nothing of a file is cached, and its size does not matter.
    fn opened(&mut self, path: &str, flags: u32) -> Result<Vec<u8>, Errno> {
        self.node(path)?;
        let mut answer = vec![0; 8];
        answer.extend(flags.to_ne_bytes());
        answer.extend([0; 4]);
        Ok(answer)
    }

    fn read(&self, path: &str, body: &[u8]) -> Result<Vec<u8>, Errno> {
        let Node::File(text) = self.node(path)? else { return Err(Errno::ISDIR) };
        Ok(part(text.as_bytes(), body))
    }

    fn write(&self, path: &str, body: &[u8]) -> Result<Vec<u8>, Errno> {
        let text = String::from_utf8_lossy(&body[40..]);
        self.tree.lock().unwrap().write(path, &text)?;
        let mut answer = half(body, 16).to_ne_bytes().to_vec();
        answer.extend([0; 4]);
        Ok(answer)
    }

    fn list(&mut self, path: &str, body: &[u8]) -> Result<Vec<u8>, Errno> {
        let Node::Directory(names) = self.node(path)? else { return Err(Errno::NOTDIR) };
        let mut entries: Vec<Vec<u8>> = Vec::new();
        for name in names {
            let is_directory = matches!(self.node(&join(path, &name))?, Node::Directory(_));
            let mut entry = self.number_of(&join(path, &name)).to_ne_bytes().to_vec();
            entry.extend((entries.len() as u64 + 1).to_ne_bytes());
            entry.extend(u32::try_from(name.len()).unwrap().to_ne_bytes());
            entry.extend(if is_directory { 4_u32 } else { 8 }.to_ne_bytes());
            entry.extend(name.as_bytes());
            entry.resize(entry.len().next_multiple_of(8), 0);
            entries.push(entry);
        }
        let (from, most) = (usize::try_from(number(body, 8)).unwrap(), half(body, 16) as usize);
        let mut answer = Vec::new();
        for entry in entries.into_iter().skip(from) {
            if answer.len() + entry.len() > most {
                break;
            }
            answer.extend(entry);
        }
        Ok(answer)
    }
}

/// Version 7.31, no features, writes of up to 64 KiB.
fn init() -> Vec<u8> {
    let mut answer: Vec<u8> = [7_u32, 31, 0, 0].iter().flat_map(|word| word.to_ne_bytes()).collect();
    answer.extend([0; 4]);
    answer.extend((1_u32 << 16).to_ne_bytes());
    answer.resize(64, 0);
    answer
}

/// `struct fuse_attr` after its inode number.
fn attributes(node: &Node) -> Vec<u8> {
    let (mode, links, size) = match node {
        Node::Directory(_) => (0o040_755_u32, 2_u32, 0),
        Node::File(_) => (0o100_644, 1, 4096_u64),
    };
    let mut answer = size.to_ne_bytes().to_vec();
    answer.extend([0; 32 + 12]);
    answer.extend(mode.to_ne_bytes());
    answer.extend(links.to_ne_bytes());
    answer.resize(80, 0);
    answer
}

/// What read(2) asks for: an offset, and a size.
fn part(text: &[u8], body: &[u8]) -> Vec<u8> {
    let (from, most) = (usize::try_from(number(body, 8)).unwrap(), half(body, 16) as usize);
    let rest = text.get(from..).unwrap_or_default();
    rest[..rest.len().min(most)].to_vec()
}

fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}

fn name(body: &[u8]) -> &str {
    str::from_utf8(body.split(|&byte| byte == 0).next().unwrap()).unwrap()
}

fn number(bytes: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap())
}

fn half(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap())
}
