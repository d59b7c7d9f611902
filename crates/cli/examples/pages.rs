//! `cargo run --example pages -- FOLDER DATE`: writes man pages and shell completions below FOLDER. `cargo xtask man` calls it.

#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, reason = "says why it fails")]

use std::{env, fs, io, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let [folder, date] = words.as_slice() else {
        eprintln!("pages FOLDER DATE");
        return ExitCode::FAILURE;
    };
    match write(Path::new(folder), date) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{folder}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(folder: &Path, date: &str) -> io::Result<()> {
    for page in brig_cli::pages::all(date) {
        let path = folder.join(page.path);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(path, page.text)?;
    }
    Ok(())
}
