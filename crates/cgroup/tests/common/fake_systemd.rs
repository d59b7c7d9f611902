//! A systemd of our own making on a socket: it hears calls and says what a test wants it to say.
#![allow(dead_code, reason = "each test file uses a part of this")]
#![allow(clippy::unwrap_used, reason = "a test ends where its preparation fails")]

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

use brig_dbus::{Message, Value, frame};

/// What it heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heard {
    /// The method.
    pub(crate) member: String,
    /// Its arguments.
    pub(crate) values: Vec<Value>,
}

/// What it says.
#[derive(Debug, Clone)]
pub(crate) enum Said {
    /// The answer to the call.
    Return(Vec<Value>),
    /// The refusal of the call.
    Error(&'static str, &'static str),
    /// `JobRemoved` of this job.
    JobRemoved(String, String),
    /// These bytes, as they are.
    Bytes(Vec<u8>),
    /// `NameOwnerChanged`: systemd is no longer on the bus.
    Left,
    /// Nothing more: the connection is closed.
    Close,
}

/// A running one. It ends with the test.
#[derive(Debug)]
pub(crate) struct FakeSystemd {
    socket: PathBuf,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl FakeSystemd {
    /// Listens at `socket`, and answers each call, of any connection, with what `answer` says.
    pub(crate) fn new(
        socket: &Path,
        answer: impl FnMut(&Heard) -> Vec<Said> + Send + 'static,
    ) -> FakeSystemd {
        let listener = UnixListener::bind(socket).unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let log = heard.clone();
        let answer = Arc::new(Mutex::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (log, answer) = (log.clone(), answer.clone());
                thread::spawn(move || {
                    // Who hangs up in the middle is no fault of ours.
                    let ended = serve(stream.unwrap(), &log, &mut |heard| answer.lock().unwrap()(heard));
                    drop(ended);
                });
            }
        });
        FakeSystemd { socket: socket.to_owned(), heard }
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Everything that it heard so far.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    /// The methods that were called so far.
    pub(crate) fn members(&self) -> Vec<String> {
        self.heard().into_iter().map(|heard| heard.member).collect()
    }
}

impl Drop for FakeSystemd {
    fn drop(&mut self) {
        std::fs::remove_file(&self.socket).unwrap();
    }
}

/// It says nothing, not even that it lets the caller in, before the first whole call is there: who asks something before
/// would wait for ever.
fn serve(
    mut stream: UnixStream,
    log: &Mutex<Vec<Heard>>,
    answer: &mut dyn FnMut(&Heard) -> Vec<Said>,
) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let mut greeted = false;
    loop {
        let mut chunk = [0; 4096];
        let length = stream.read(&mut chunk)?;
        if length == 0 {
            return Ok(());
        }
        bytes.extend_from_slice(&chunk[..length]);
        if !greeted {
            let begin = b"BEGIN\r\n";
            let Some(at) = bytes.windows(begin.len()).position(|part| part == begin) else { continue };
            if bytes.len() == at + begin.len() {
                continue;
            }
            assert_eq!(&bytes[..at], b"\0AUTH EXTERNAL\r\nDATA\r\n");
            bytes.drain(..at + begin.len());
            greeted = true;
            stream.write_all(b"DATA\r\nOK 0123456789abcdef0123456789abcdef\r\n")?;
        }
        while let Some(length) = frame(&bytes).unwrap().filter(|length| *length <= bytes.len()) {
            let (heard, serial) = call(&bytes[..length]);
            bytes.drain(..length);
            log.lock().unwrap().push(heard.clone());
            for said in answer(&heard) {
                match said {
                    Said::Return(values) => stream.write_all(&message(2, reply_to(serial), &values))?,
                    Said::Error(name, text) => {
                        let mut fields = reply_to(serial);
                        fields.push(field(4, Value::text(name)));
                        stream.write_all(&message(3, fields, &[Value::text(text)]))?;
                    }
                    Said::JobRemoved(job, result) => stream.write_all(&job_removed(&job, &result))?,
                    Said::Bytes(bytes) => stream.write_all(&bytes)?,
                    Said::Left => stream.write_all(&left())?,
                    Said::Close => return Ok(()),
                }
            }
        }
    }
}

fn call(bytes: &[u8]) -> (Heard, u32) {
    let message = Message::parse(bytes).unwrap();
    let heard = Heard { member: message.member.clone().unwrap(), values: message.values().unwrap() };
    (heard, message.serial)
}

fn field(code: u8, value: Value) -> Value {
    Value::Struct(vec![Value::Byte(code), Value::Variant(Box::new(value))])
}

fn reply_to(serial: u32) -> Vec<Value> {
    vec![field(5, Value::U32(serial))]
}

/// The signal `JobRemoved`.
pub(crate) fn job_removed(job: &str, result: &str) -> Vec<u8> {
    let fields = vec![
        field(1, Value::Path("/org/freedesktop/systemd1".into())),
        field(2, Value::text("org.freedesktop.systemd1.Manager")),
        field(3, Value::text("JobRemoved")),
    ];
    let body = [Value::U32(1), Value::Path(job.into()), Value::text("any.scope"), Value::text(result)];
    message(4, fields, &body)
}

fn left() -> Vec<u8> {
    let fields = vec![
        field(1, Value::Path("/org/freedesktop/DBus".into())),
        field(2, Value::text("org.freedesktop.DBus")),
        field(3, Value::text("NameOwnerChanged")),
    ];
    message(4, fields, &["org.freedesktop.systemd1", ":1.0", ""].map(Value::text))
}

fn message(kind: u8, mut fields: Vec<Value>, body: &[Value]) -> Vec<u8> {
    let signature: String = body.iter().map(Value::signature).collect();
    fields.push(field(8, Value::Signature(signature)));
    let mut values = Vec::new();
    body.iter().for_each(|value| value.put(&mut values));
    let mut bytes = vec![b'l', kind, 1, 1];
    bytes.extend_from_slice(&u32::try_from(values.len()).unwrap().to_le_bytes());
    bytes.extend_from_slice(&7_u32.to_le_bytes());
    Value::Array("(yv)".into(), fields).put(&mut bytes);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes.extend(values);
    bytes
}
