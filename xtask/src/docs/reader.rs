//! Somebody who reads a page and does what it says, in a place of his own.
//! Runs on the developer's machine, in the namespaces that inside.sh furnished.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command as Process, Stdio};
use std::time::Instant;

use crate::command::find_in;
use crate::docs::page::{self, Block, Kind, Mark};
use crate::docs::transcript::{self, Command, Who};
use crate::docs::{ALL, FOLDER, SHOW};
use crate::tally::Tally;

/// Reads one page.
#[derive(Debug)]
pub(super) struct Reader {
    page: String,
    /// Whether he has the time for what is slow.
    is_patient: bool,
    /// Whether he reads aloud.
    is_loud: bool,
}

/// Seconds that a command may take, and one that is slow.
const DEADLINE: [&str; 2] = ["60", "1200"];
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Where `you` finds a toolchain, and what it installs.
const CARGO: &str = "/home/you/.cargo/bin:/run/docs/toolchain/bin";

impl Reader {
    /// Does what the page says that the first word names, prints a line for it and one for each block that is left out, and
    /// the sum of the blocks.
    pub(super) fn inside(words: &[String]) -> Result<(), String> {
        let (name, rest) = words.split_first().ok_or("which page?")?;
        let has = |option: &str| rest.iter().any(|word| word == option);
        let reader = Self { page: name.clone(), is_patient: has(ALL), is_loud: has(SHOW) };
        let path = Path::new(FOLDER).join("source").join(name);
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        println!("{}", reader.read(&text)?);
        Ok(())
    }

    fn read(&self, text: &str) -> Result<Tally, String> {
        let started = Instant::now();
        if text.contains("podman ") {
            self.prepare("image_of_podman")?;
        }
        let blocks: Vec<Block> =
            page::read(text).into_iter().filter(|block| block.kind != Kind::Shown).collect();
        let mut sum = Tally::default();
        let mut commands = 0;
        for (at, block) in blocks.iter().enumerate() {
            if let Some(reason) = self.left_out(block) {
                println!("SKIP  {}:{}: {reason}", self.page, block.line);
                sum.skipped += 1;
                continue;
            }
            match self.do_block(block)? {
                Ok(done) => (sum.passed, commands) = (sum.passed + 1, commands + done),
                Err(what) => {
                    println!("FAIL  {}:{}: {what}", self.page, block.line);
                    // What comes after builds on it.
                    sum.failed += blocks.len() - at;
                    break;
                }
            }
        }
        let word = if sum.failed == 0 { "ok  " } else { "FAIL" };
        println!(
            "{word}  {}: {commands} commands; blocks: {sum} in {:.1} s",
            self.page,
            started.elapsed().as_secs_f32()
        );
        Ok(sum)
    }

    fn left_out(&self, block: &Block) -> Option<String> {
        match &block.mark {
            Some(Mark::Skip(reason)) => Some(reason.clone()),
            Some(Mark::Slow(reason)) if !self.is_patient => {
                Some(format!("{reason}; `cargo xtask docs {ALL}` runs it"))
            }
            Some(Mark::Slow(_)) | None => {
                let missing =
                    block.needs.as_ref().filter(|program| find_in(PATH.as_ref(), program).is_none());
                missing.map(|program| format!("there is no {program} that works here"))
            }
        }
    }

    /// How many commands were typed, or what was not as it is shown.
    fn do_block(&self, block: &Block) -> Result<Result<usize, String>, String> {
        let status = match &block.kind {
            Kind::Console { status } => *status,
            Kind::File(path) => return write(path, &block.text).map(|()| Ok(0)),
            Kind::Shown => return Ok(Ok(0)),
        };
        let commands = transcript::read(&block.text);
        for command in &commands {
            if let Err(what) = self.type_in(command, status)? {
                return Ok(Err(what));
            }
        }
        Ok(Ok(commands.len()))
    }

    /// Runs one command where the one before has left its user.
    fn type_in(&self, command: &Command, wanted: i32) -> Result<Result<(), String>, String> {
        let folder = Path::new(FOLDER);
        let log = folder.join("printed");
        let told = |error: std::io::Error| format!("{}: {error}", log.display());
        let out = File::create(&log).map_err(told)?;
        let mut process = self.process(command.who);
        process.args(["bash", "--norc", "-c", &script(command)]);
        process.stdin(Stdio::null()).stdout(out.try_clone().map_err(told)?).stderr(out);
        let ended = process.status().map_err(|error| format!("timeout: {error}"))?;
        let printed = String::from_utf8_lossy(&fs::read(&log).map_err(told)?).into_owned();
        if self.is_loud {
            println!("{}\n{printed}", command.text);
        }
        Ok(if ended.code() != Some(wanted) {
            Err(format!("{}\n      {ended}, not {wanted}:\n{printed}", command.text))
        } else if !command.is_as_shown(&printed) {
            Err(format!(
                "{}\n      shown:\n{}\n      printed:\n{printed}",
                command.text,
                command.shown.join("\n")
            ))
        } else {
            Ok(())
        })
    }

    /// Becomes `who`, with nothing of our own environment.
    fn process(&self, who: Who) -> Process {
        let mut process = Process::new("timeout");
        process.args(["--kill-after=5", DEADLINE[usize::from(self.is_patient)]]);
        process.env_clear().envs([("LANG", "C.UTF-8"), ("TERM", "dumb")]);
        match who {
            Who::Root => process.envs([("HOME", "/root"), ("USER", "root"), ("PATH", PATH)]),
            Who::You => {
                process.args(["setpriv", "--reuid=4711", "--regid=4711", "--init-groups", "--inh-caps=-all"]);
                process.envs([("HOME", "/home/you"), ("USER", "you"), ("XDG_RUNTIME_DIR", "/run/user/4711")]);
                process.env("CARGO_NET_OFFLINE", "true").env("PATH", format!("{CARGO}:{PATH}"))
            }
        };
        process
    }

    fn prepare(&self, function: &str) -> Result<(), String> {
        let script = format!(". {FOLDER}/images.sh; {function}");
        crate::command::succeed(Process::new("sh").args(["-euc", &script]).env("PATH", PATH))
    }
}

/// Goes where the last command was, with what it exported, and says where this one ends.
fn script(command: &Command) -> String {
    let who = match command.who {
        Who::Root => "root",
        Who::You => "you",
    };
    let state = format!("{FOLDER}/{who}");
    format!(
        "[ ! -e {state}/exported ] || . {state}/exported\ncd \"$(cat {state}/cwd)\" || exit\n\
         trap 'status=$?; pwd >{state}/cwd; export -p >{state}/exported; exit $status' EXIT\n{}\n",
        command.text
    )
}

fn write(path: &str, text: &str) -> Result<(), String> {
    // A name alone is in the home of `you`.
    let path = Path::new("/home/you").join(path);
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    folder.and_then(|()| fs::write(&path, text)).map_err(|error| format!("{}: {error}", path.display()))
}
