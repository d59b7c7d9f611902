//! The log, in the lines that callers of runc read: `time="…" level=error msg="…"`, or JSON.
//!
//! The file is there from the start, as runc's is, and nothing is formatted that is not written. Runs in: parent.

use std::{
    fs::File,
    io::{self, IsTerminal as _, Write as _},
    path::Path,
    sync::OnceLock,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use ::log::{Level, LevelFilter, Log, Metadata, Record};
use rustix::fs::{Mode, OFlags};
use serde::Serialize;

use crate::{
    args::command::{Global, LogFormat},
    exit::Failure,
    output::time::rfc3339,
    quote::push_quoted,
};

/// Sends the records of the `log` crate where the options say: to a file that is there from now on. Only the first call has an
/// effect.
///
/// # Errors
/// The file cannot be opened: the message, which is sent to standard error like the records of this command.
pub fn start(global: &Global) -> Result<(), Failure> {
    let opened = global.log.as_deref().map(open).transpose();
    let (file, opened) = opened.map_or_else(|message| (None, Err(message)), |file| (file, Ok(())));
    let sink = Sink {
        format: global.log_format,
        place: if global.debug { Place::Shown } else { Place::Hidden },
        file,
        started: Instant::now(),
    };
    if SINK.set(sink).is_ok() && ::log::set_logger(&Backend).is_ok() {
        ::log::set_max_level(if global.debug { LevelFilter::Debug } else { LevelFilter::Info });
    }
    opened.map_err(Failure::new)
}

/// Logs the error that ends the command. When the log is a file, standard error gets the plain message as well.
pub fn fatal(message: &str) {
    ::log::error!("{message}");
    if SINK.get().is_some_and(|sink| sink.file.is_some()) {
        write_stderr(&format!("{message}\n"));
    }
}

static SINK: OnceLock<Sink> = OnceLock::new();

struct Sink {
    format: LogFormat,
    place: Place,
    /// Standard error without one.
    file: Option<File>,
    started: Instant,
}

/// Whether records say where in the source they come from.
enum Place {
    Shown,
    Hidden,
}

struct Backend;

impl Log for Backend {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= ::log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if let Some(sink) = SINK.get().filter(|_| self.enabled(record.metadata())) {
            sink.write(record);
        }
    }

    fn flush(&self) {}
}

impl Sink {
    fn write(&self, record: &Record<'_>) {
        let message = record.args().to_string();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let time = rfc3339(i64::try_from(now.as_secs()).unwrap_or(0));
        let source = format!("{}:{}", record.file().unwrap_or("?"), record.line().unwrap_or(0));
        let line = Line {
            file: matches!(self.place, Place::Shown).then_some(&source),
            func: matches!(self.place, Place::Shown).then_some(record.target()),
            level: level_word(record.level()),
            msg: message.trim_end_matches('\n'),
            time: &time,
        };
        match (self.format, &self.file) {
            (LogFormat::Json, _) => self.put(&line.json()),
            (LogFormat::Text, None) if io::stderr().is_terminal() => {
                let colour = if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
                    Colour::Off
                } else {
                    Colour::On(colour_code(record.level()))
                };
                self.put(&line.console(self.started.elapsed().as_secs(), colour));
            }
            (LogFormat::Text, _) => self.put(&line.text()),
        }
    }

    /// Writes one line in one piece, so that lines of several processes do not mix.
    fn put(&self, line: &str) {
        match &self.file {
            // A full disk must not keep the command from its work, and there is nobody left to tell.
            Some(file) => drop((&mut &*file).write_all(line.as_bytes())),
            None => write_stderr(line),
        }
    }
}

fn open(path: &Path) -> Result<File, String> {
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::SYNC | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::from_raw_mode(0o644));
    file.map(File::from).map_err(|errno| format!("open {}: {}", path.display(), errno_words(errno)))
}

fn errno_words(errno: rustix::io::Errno) -> &'static str {
    brig_runtime::errno::errno_text(errno.raw_os_error())
}

/// Standard error may be closed or a broken pipe; the exit code still tells.
fn write_stderr(text: &str) {
    drop(io::stderr().write_all(text.as_bytes()));
}

/// One record, its keys in the order of JSON logs.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    func: Option<&'a str>,
    level: &'a str,
    msg: &'a str,
    time: &'a str,
}

#[derive(Clone, Copy)]
enum Colour {
    On(u8),
    Off,
}

impl Line<'_> {
    fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }

    fn text(&self) -> String {
        let mut out = String::with_capacity(64 + self.msg.len());
        push_field(&mut out, "time", self.time);
        push_field(&mut out, "level", self.level);
        push_field(&mut out, "msg", self.msg);
        if let (Some(func), Some(file)) = (self.func, self.file) {
            push_field(&mut out, "func", func);
            push_field(&mut out, "file", file);
        }
        out.push('\n');
        out
    }

    /// For a terminal: `ERRO[0000] message`, with the seconds since the start.
    fn console(&self, seconds: u64, colour: Colour) -> String {
        let level = self.level[..4].to_ascii_uppercase();
        let level = match colour {
            Colour::On(code) => format!("\x1b[{code}m{level}\x1b[0m"),
            Colour::Off => level,
        };
        let place = match (self.func, self.file) {
            (Some(func), Some(file)) => format!("{file} {func}"),
            (_, _) => String::new(),
        };
        format!("{level}[{seconds:04}]{place} {}\n", self.msg)
    }
}

/// Appends `key=value`, the value in quotes if it is anything but one plain word.
fn push_field(out: &mut String, key: &str, value: &str) {
    if !out.is_empty() {
        out.push(' ');
    }
    out.push_str(key);
    out.push('=');
    if value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._/@^+".contains(&byte)) {
        out.push_str(value);
    } else {
        push_quoted(out, value);
    }
}

fn level_word(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warn => "warning",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    }
}

/// Escape codes for red, yellow, cyan and white.
fn colour_code(level: Level) -> u8 {
    match level {
        Level::Error => 31,
        Level::Warn => 33,
        Level::Info => 36,
        Level::Debug | Level::Trace => 37,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(msg: &str) -> Line<'_> {
        Line { file: None, func: None, level: "error", msg, time: "2026-11-21T19:41:23Z" }
    }

    #[test]
    fn text_lines_quote_what_is_not_one_plain_word() {
        for (message, field) in [
            ("configuration", "configuration"),
            ("a-b.c_d/e@f^g+h", "a-b.c_d/e@f^g+h"),
            ("", ""),
            ("run failed: no such file", r#""run failed: no such file""#),
            ("exec: \"x\": not found", r#""exec: \"x\": not found""#),
            ("two\nlines", r#""two\nlines""#),
        ] {
            assert_eq!(
                line(message).text(),
                format!("time=\"2026-11-21T19:41:23Z\" level=error msg={field}\n")
            );
        }
    }

    #[test]
    fn json_lines_have_sorted_keys() {
        let expected = r#"{"level":"error","msg":"say \"hi\"\n","time":"2026-11-21T19:41:23Z"}"#;
        assert_eq!(line("say \"hi\"\n").json(), format!("{expected}\n"));
    }

    #[test]
    fn debug_adds_the_place_in_the_source() {
        let file = "src/a.rs:7".to_owned();
        let placed = Line { file: Some(&file), func: Some("brig_cli::a"), ..line("m") };
        assert_eq!(
            placed.text(),
            "time=\"2026-11-21T19:41:23Z\" level=error msg=m func=\"brig_cli::a\" file=\"src/a.rs:7\"\n"
        );
        assert_eq!(
            placed.json(),
            "{\"file\":\"src/a.rs:7\",\"func\":\"brig_cli::a\",\"level\":\"error\",\"msg\":\"m\",\"time\":\"2026-11-21T19:41:23Z\"}\n"
        );
        assert_eq!(placed.console(0, Colour::Off), "ERRO[0000]src/a.rs:7 brig_cli::a m\n");
    }

    #[test]
    fn a_terminal_gets_a_short_coloured_line() {
        assert_eq!(line("no").console(12, Colour::On(31)), "\x1b[31mERRO\x1b[0m[0012] no\n");
        assert_eq!(line("no").console(12, Colour::Off), "ERRO[0012] no\n");
    }
}
