//! One run of the machine: qemu is started, or what `uml.rs` has in its place, what the command writes is passed on, and an
//! end is seen to. In qemu:
//!
//! ```text
//!   nvme          the root; what is written to it is gone afterwards
//!   virtio disk   what goes in (/dev/vda, mounted on /brig), what comes out (/dev/vdb, a tar file)
//!   virtio port   1: what the command writes     2: its exit status, last
//!   serial line   what the kernel and systemd say: shown when the machine ends without a status
//! ```

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::vm::drives::{Drives, quote};
use crate::vm::image::{Image, end};
use crate::vm::options::Accelerator;
use crate::vm::uml;

/// What is to be run, and how.
#[derive(Debug)]
pub(super) struct Run<'a> {
    pub(super) image: &'a Image,
    pub(super) drives: &'a Drives,
    /// The command's folder.
    pub(super) folder: &'a Path,
    pub(super) command: &'a [String],
    /// Added to the command's environment.
    pub(super) environment: &'a [(&'static str, String)],
    pub(super) accelerator: &'a Accelerator,
    /// It is stopped after this long.
    pub(super) limit: Duration,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Ended {
    /// The command's exit status.
    pub(super) status: u8,
    /// What it wrote, both streams together.
    pub(super) said: String,
    /// From the start of the machine to that of the command, and to the end of the machine.
    pub(super) took: [Duration; 2],
}

/// The first word on the second port.
const BEGAN: &str = "began";
/// Or this, and the names of what the kernel should have.
const LACKS: &str = "lacks";
/// With cmpxchg16b a guest's kernel of today crashes in qemu 7.2.
const EMULATED: [&str; 4] = ["-accel", "tcg,thread=multi", "-cpu", "max,-cx16"];
/// A machine that has not come to its command by then never will. It takes 15 s, on a busy machine 60.
const BOOT_LIMIT: Duration = Duration::from_secs(240);
const POLL: Duration = Duration::from_millis(50);
/// After so long a silence the user is told that the machine lives.
const SILENCE: Duration = Duration::from_secs(60);
/// Its processors are threads of this machine: more help nobody.
const MOST_PROCESSORS: usize = 4;
/// Expedited grace periods make everything that removes a namespace or a cgroup bearable in emulation. A session of a user takes
/// longer to come up there than systemd gives it elsewhere.
const KERNEL: &str = "root=/dev/nvme0n1 rw console=ttyS0 panic=-1 mitigations=off rcupdate.rcu_expedited=1 \
                      audit=0 no_timer_check quiet systemd.show_status=false \
                      systemd.default_timeout_start_sec=900";

impl Run<'_> {
    /// Starts the machine, passes on what the command writes, and waits for the end.
    ///
    /// # Errors
    /// The machine cannot be started, or ended without the command's status, or was stopped at the limit.
    pub(super) fn carry_out(&self) -> Result<Ended, String> {
        self.drives.add_text("start", &self.script())?;
        let (work, out) = (self.drives.seal()?, self.drives.out()?);
        let mut command = match self.accelerator {
            Accelerator::Uml => uml::command(self.image, self.drives)?,
            Accelerator::Emulation => self.qemu(&work, &out, &EMULATED),
            Accelerator::Qemu(name) => self.qemu(&work, &out, &["-accel", name, "-cpu", "host"]),
        };
        let started = Instant::now();
        let mut child = command.spawn().map_err(|error| format!("the machine: {error}"))?;
        let ear = Ear::listen(child.stdout.take(), started);
        let watched = self.watch(&mut child, &ear, started);
        let said = ear.all();
        let ended = watched.and_then(|booted| Ok((booted, self.status()?)));
        let (booted, status) = ended.map_err(|reason| format!("{reason}\n{}", self.console()))?;
        Ok(Ended { status, said, took: [booted, started.elapsed()] })
    }

    /// What the machine's only unit runs.
    fn script(&self) -> String {
        let words: Vec<String> = self.command.iter().map(quote).collect();
        let export = |(name, value): &(&str, String)| format!("export {name}={}\n", quote(value));
        let prelude = match self.accelerator {
            Accelerator::Uml => uml::PRELUDE,
            Accelerator::Emulation | Accelerator::Qemu(_) => PRELUDE,
        };
        SCRIPT
            .replace("@prelude@", prelude)
            .replace("@bindings@", &self.drives.bindings())
            .replace("@environment@", &self.environment.iter().map(export).collect::<String>())
            .replace("@folder@", &quote(&self.folder.display()))
            .replace("@command@", &words.join(" "))
    }

    /// It dies with us, and gets our terminal's signals.
    fn qemu(&self, work: &Path, out: &Path, processors_are: &[&str]) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig=KILL", "qemu-system-x86_64", "-nodefaults", "-no-user-config"]);
        command.args(["-display", "none", "-no-reboot", "-m", "4G", "-smp", &processors()]);
        command.args(processors_are);
        command.arg("-kernel").arg(&self.image.kernel).args(["-append", KERNEL]);
        let mut drive = |name: &str, path: &Path, rest: &str| {
            let path = path.display().to_string().replace(',', ",,");
            command.args(["-drive", &format!("if=none,id={name},format=raw,file={path}{rest}")]);
        };
        drive("root", &self.image.root, ",snapshot=on");
        drive("work", work, ",snapshot=on");
        drive("out", out, "");
        command.args(["-device", "nvme,drive=root,serial=root"]);
        command.args(["-device", "virtio-blk-pci,drive=work", "-device", "virtio-blk-pci,drive=out"]);
        command.args(["-device", "virtio-serial-pci"]);
        let mut port = |name: &str, number: u8, path: &str| {
            command.args(["-chardev", &format!("file,id={name},path={}", path.replace(',', ",,"))]);
            command.args(["-device", &format!("virtserialport,chardev={name},name={name},nr={number}")]);
        };
        // A standard input at its end would close a port that is qemu's own standard streams.
        port("said", 1, "/dev/fd/1");
        port("status", 2, &self.drives.join("status").display().to_string());
        command.args(["-serial", &format!("file:{}", self.drives.join("console").display())]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command
    }

    /// Waits for the end of the machine. Returns how long it took to boot.
    fn watch(&self, child: &mut Child, ear: &Ear, started: Instant) -> Result<Duration, String> {
        let (mut booted, mut told) = (None, Instant::now());
        loop {
            if booted.is_none() && self.words().starts_with(BEGAN) {
                booted = Some(started.elapsed());
            }
            match child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(booted.unwrap_or_default()),
                Ok(Some(status)) => return Err(format!("the machine: {status}")),
                Err(error) => return Err(format!("the machine: {error}")),
                Ok(None) => {}
            }
            let limit = if booted.is_some() { self.limit } else { BOOT_LIMIT.min(self.limit) };
            if started.elapsed() > limit {
                let killed = child.kill().and_then(|()| child.wait());
                killed.map_err(|error| format!("the machine: {error}"))?;
                let what = if booted.is_some() { "finished" } else { "booted" };
                return Err(format!("the machine was stopped: not {what} after {} s", limit.as_secs()));
            }
            if ear.silence().min(told.elapsed()) > SILENCE {
                told = Instant::now();
                eprintln!("the machine works, since {} s", started.elapsed().as_secs());
            }
            thread::sleep(POLL);
        }
    }

    /// What came by the second port: that the command began, and the status that it ended with.
    fn words(&self) -> String {
        fs::read_to_string(self.drives.join("status")).unwrap_or_default()
    }

    fn status(&self) -> Result<u8, String> {
        let words = self.words();
        if let Some(lacks) = words.strip_prefix(LACKS) {
            return Err(format!("the machine's kernel lacks {}", lacks.trim()));
        }
        let last = words.split_whitespace().last().and_then(|word| word.parse().ok());
        last.ok_or_else(|| "the machine ended before the command did".into())
    }

    /// The end of what the kernel and systemd said.
    fn console(&self) -> String {
        let bytes = fs::read(self.drives.join("console")).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes).replace('\r', "");
        format!("its console, at the end:\n{}", end(&text, 60))
    }
}

/// What the script does first in qemu: it finds its ports.
const PRELUDE: &str = r#"
said=$(echo /dev/vport*p1) status=$(echo /dev/vport*p2) out=/dev/vdb
written() { :; }
"#;

/// Runs in the machine. The pipe is there because a port can be opened once, and /dev/stdout not be then; what the
/// command left running may hold the pipe, so it is not waited for without end.
const SCRIPT: &str = r#"#!/bin/sh
@prelude@
mount -t tmpfs -o mode=1777 tmpfs /tmp
@bindings@
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
@environment@
mkfifo /run/said
cat </run/said >"$said" &
cat=$!
echo began >"$status"
(cd @folder@ && exec @command@) >/run/said 2>&1 </dev/null 8>&- 9>&-
code=$?
timeout 10 tail --pid="$cat" -f /dev/null
tar -cf "$out" -C /brig/out .
sync
echo "$code" >"$status"
written
"#;

fn processors() -> String {
    thread::available_parallelism().map_or(1, |count| count.get().min(MOST_PROCESSORS)).to_string()
}

/// Hears what the command writes, and passes it on at once.
#[derive(Debug)]
struct Ear {
    heard: Arc<Mutex<Heard>>,
    thread: JoinHandle<()>,
}

#[derive(Debug)]
struct Heard {
    bytes: Vec<u8>,
    last: Instant,
}

impl Ear {
    fn listen(stream: Option<ChildStdout>, started: Instant) -> Self {
        let heard = Arc::new(Mutex::new(Heard { bytes: Vec::new(), last: started }));
        let shared = Arc::clone(&heard);
        let thread = thread::spawn(move || {
            let mut buffer = [0; 4096];
            let Some(mut stream) = stream else { return };
            while let Ok(count @ 1..) = stream.read(&mut buffer) {
                let bytes = &buffer[..count];
                let mut out = std::io::stdout();
                if out.write_all(bytes).and_then(|()| out.flush()).is_err() {
                    return; // nobody listens to us
                }
                let Ok(mut heard) = shared.lock() else { return };
                heard.bytes.extend_from_slice(bytes);
                heard.last = Instant::now();
            }
        });
        Self { heard, thread }
    }

    fn silence(&self) -> Duration {
        self.heard.lock().map_or(Duration::ZERO, |heard| heard.last.elapsed())
    }

    /// All of it, once qemu has ended.
    fn all(self) -> String {
        let ended = self.thread.join().is_ok();
        let heard = self.heard.lock().map(|heard| heard.bytes.clone());
        let bytes = heard.ok().filter(|_| ended).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
