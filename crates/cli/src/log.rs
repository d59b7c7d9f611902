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

use crate::{
    args::command::{Global, LogFormat},
    exit::{Details, Failure},
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
///
/// Its parts are fields of a JSON log, and with `--debug` of every log.
pub fn fatal(failure: &Failure) {
    let Some(sink) = SINK.get() else { return };
    let source = format!("{}:{}", file!(), line!());
    let details = failure.details.as_deref();
    sink.write_line(Level::Error, &source, module_path!(), &failure.message, details);
    if sink.file.is_some() {
        write_stderr(&format!("{}\n", failure.message));
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
        let source = format!("{}:{}", record.file().unwrap_or("?"), record.line().unwrap_or(0));
        self.write_line(record.level(), &source, record.target(), &message, None);
    }

    fn write_line(
        &self,
        level: Level,
        source: &String,
        target: &str,
        message: &str,
        details: Option<&Details>,
    ) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let time = rfc3339(i64::try_from(now.as_secs()).unwrap_or(0));
        let is_shown = matches!(self.place, Place::Shown);
        let line = Line {
            file: is_shown.then_some(source),
            func: is_shown.then_some(target),
            level: level_word(level),
            msg: message.trim_end_matches('\n'),
            time: &time,
            details: details.filter(|_| is_shown || self.format == LogFormat::Json),
        };
        match (self.format, &self.file) {
            (LogFormat::Json, _) => self.put(&line.json()),
            (LogFormat::Text, None) if io::stderr().is_terminal() => {
                let colour = if colours_are_wanted() { Colour::On(colour_code(level)) } else { Colour::Off };
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

/// <https://no-color.org>: whoever sets `NO_COLOR` to something gets none.
pub(crate) fn colours_are_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
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

/// One record.
struct Line<'a> {
    file: Option<&'a String>,
    func: Option<&'a str>,
    level: &'a str,
    msg: &'a str,
    time: &'a str,
    details: Option<&'a Details>,
}

#[derive(Clone, Copy)]
enum Colour {
    On(u8),
    Off,
}

impl Line<'_> {
    fn json(&self) -> String {
        let mut fields = serde_json::Map::new();
        for (name, value) in
            [("file", self.file.map(String::as_str)), ("func", self.func), ("level", Some(self.level))]
        {
            fields.extend(value.map(|value| (name.to_owned(), value.into())));
        }
        fields.insert("msg".to_owned(), self.msg.into());
        fields.insert("time".to_owned(), self.time.into());
        if let Some(Ok(serde_json::Value::Object(details))) = self.details.map(serde_json::to_value) {
            fields.extend(details);
        }
        // Sorted, as a map of serde_json is.
        serde_json::Value::Object(fields).to_string() + "\n"
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
        for (name, value) in self.details.into_iter().flat_map(Details::fields) {
            push_field(&mut out, name, &value);
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
        let mut out = format!("{level}[{seconds:04}]{place} {}", self.msg);
        for (name, value) in self.details.into_iter().flat_map(Details::fields) {
            push_field(&mut out, name, &value);
        }
        out + "\n"
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
        Line { file: None, func: None, level: "error", msg, time: "2026-11-21T19:41:23Z", details: None }
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
    fn the_parts_of_an_error_are_fields() {
        let details = Details { errno: Some(2), path: Some("mounts[0]".to_owned()), ..Details::default() };
        let line = Line { details: Some(&details), ..line("m") };
        assert_eq!(
            line.json(),
            "{\"errno\":2,\"level\":\"error\",\"msg\":\"m\",\"path\":\"mounts[0]\",\"time\":\"2026-11-21T19:41:23Z\"}\n"
        );
        assert_eq!(
            line.text(),
            "time=\"2026-11-21T19:41:23Z\" level=error msg=m errno=2 path=\"mounts[0]\"\n"
        );
        assert_eq!(line.console(0, Colour::Off), "ERRO[0000] m errno=2 path=\"mounts[0]\"\n");
    }

    #[test]
    fn a_terminal_gets_a_short_coloured_line() {
        assert_eq!(line("no").console(12, Colour::On(31)), "\x1b[31mERRO\x1b[0m[0012] no\n");
        assert_eq!(line("no").console(12, Colour::Off), "ERRO[0012] no\n");
    }
}
