//! What the terminal can show, and how to speak on standard error.

use super::args::ColorChoice;
use super::exit::Failure;
use crate::report::text::Look;
use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// Sets when colours are used, for every stream.
pub fn set_color(choice: ColorChoice) {
    let choice = match choice {
        // The library gives a dumb terminal colours where the variable CI is set.
        ColorChoice::Auto if is_dumb() => anstream::ColorChoice::Never,
        ColorChoice::Auto => anstream::ColorChoice::Auto,
        ColorChoice::Always => anstream::ColorChoice::Always,
        ColorChoice::Never => anstream::ColorChoice::Never,
    };
    choice.write_global();
}

/// Whether a text on standard error may have colours.
pub fn stderr_color() -> bool {
    AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never
}

/// What standard output can show.
pub fn stdout_look() -> Look {
    let stdout = io::stdout();
    let terminal = stdout.is_terminal();
    Look {
        color: AutoStream::choice(&stdout) != anstream::ColorChoice::Never,
        width: if terminal { terminal_width() } else { UNBROKEN },
        unicode: !terminal || (!is_dumb() && locale_is_unicode(|name| std::env::var(name).ok())),
    }
}

/// Width of a text that goes to a file or another program: wide enough that no table breaks its cells.
const UNBROKEN: u16 = 200;

fn terminal_width() -> u16 {
    terminal_size::terminal_size().map_or(Look::PLAIN.width, |(width, _)| width.0)
}

/// Whether the terminal says that it can show nothing but letters.
fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|kind| kind == "dumb")
}

/// Whether the locale speaks UTF-8: the first of the three variables that is set decides, as in POSIX; with none set,
/// terminals of today do.
fn locale_is_unicode(variable: impl Fn(&str) -> Option<String>) -> bool {
    let locale =
        ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| variable(name).filter(|v| !v.is_empty()));
    locale.is_none_or(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// Says a line on standard error. Nobody can be told when that fails.
pub fn say(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Says which files were written into a folder.
pub fn say_written(folder: &Path, paths: &[PathBuf]) {
    let names: Vec<String> =
        paths.iter().filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect();
    say(&format!("wrote {}: {}", folder.display(), names.join(", ")));
}

/// Says why a command failed.
pub fn complain(failure: &Failure) {
    match failure {
        Failure::Said { text, hint } => {
            say(&format!("{ERROR}error{ERROR:#}: {text}"));
            if !hint.is_empty() {
                say(&format!("  {HINT}help{HINT:#}: {hint}"));
            }
        }
        Failure::Rendered(text) => say(text.trim_end()),
        Failure::Interrupted => say("interrupted"),
        Failure::BrokenPipe => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_locale_variable_that_is_set_decides() {
        let with = |pairs: &'static [(&'static str, &'static str)]| {
            locale_is_unicode(move |name| {
                pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1.to_owned())
            })
        };
        assert!(with(&[("LANG", "de_DE.UTF-8")]));
        assert!(with(&[]));
        assert!(!with(&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")]));
        assert!(with(&[("LC_ALL", ""), ("LANG", "C.utf8")]));
    }
}
