//! The targets of live commands: the flags that name one, and the target that they name.

use super::exit::Failure;
use super::interrupt;
use crate::live::command::CommandTarget;
use crate::live::http::HttpTarget;
use crate::live::own::OwnPools;
use crate::live::target::{Target, TargetError};
use crate::model::Model;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::sync::Arc;

/// The flags that name a target.
#[derive(Clone, Debug, Args)]
pub struct RawTarget {
    /// What is driven: pool (threads of this process), process (worker processes), http (a service, as [target.http]
    /// says) or command (a scheduler behind an adapter, as [target.command] says)
    #[arg(long, value_name = "TARGET", default_value = "pool", help_heading = "Target")]
    #[arg(hide_possible_values = true)]
    pub target: TargetName,
    /// Command of a worker process, such as "python3 worker.py", in place of the model's target.process.run
    #[arg(long, value_name = "COMMAND", help_heading = "Target")]
    pub worker: Option<String>,
    /// Address of the service, in place of the model's target.http.url
    #[arg(long, value_name = "URL", help_heading = "Target")]
    pub url: Option<String>,
    /// Command of the adapter, such as "python3 adapter.py", in place of the model's target.command.run
    #[arg(long, value_name = "COMMAND", help_heading = "Target")]
    pub adapter: Option<String>,
}

/// What is driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TargetName {
    /// poolsim's own pool on threads.
    Pool,
    /// poolsim's own pool over worker processes.
    Process,
    /// An HTTP service.
    Http,
    /// A scheduler behind an adapter.
    Command,
}

impl TargetName {
    /// Its word on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            TargetName::Pool => "pool",
            TargetName::Process => "process",
            TargetName::Http => "http",
            TargetName::Command => "command",
        }
    }

    /// Whether the policy is poolsim's own.
    pub const fn is_own(self) -> bool {
        matches!(self, TargetName::Pool | TargetName::Process)
    }
}

impl From<TargetError> for Failure {
    fn from(error: TargetError) -> Failure {
        if error.is_interrupted() {
            return Failure::Interrupted;
        }
        Failure::new(error.text, error.hint)
    }
}

impl RawTarget {
    /// The flags as they were given, for a command that repeats the work.
    pub fn flags(&self) -> [(&'static str, Option<String>); 4] {
        [
            ("target", Some(self.target.word().to_owned())),
            ("worker", self.worker.clone()),
            ("url", self.url.clone()),
            ("adapter", self.adapter.clone()),
        ]
    }

    /// What the flags say of targets, as values of the model behind those that were `set`.
    ///
    /// # Errors
    /// A flag of another target.
    pub fn settings(&self, set: &[String]) -> Result<Vec<String>, Failure> {
        let flags = [
            ("url", self.url.is_some(), TargetName::Http),
            ("adapter", self.adapter.is_some(), TargetName::Command),
            ("worker", self.worker.is_some(), TargetName::Process),
        ];
        if let Some((flag, _, wanted)) =
            flags.into_iter().find(|&(_, given, wanted)| given && self.target != wanted)
        {
            let hint = format!("add --target {}", wanted.word());
            return Err(Failure::new(format!("--{flag} is for another target"), hint));
        }
        let mut settings = set.to_vec();
        settings.extend(self.url.iter().map(|url| format!("target.http.url={}", toml_text(url))));
        if let Some(adapter) = &self.adapter {
            let words: Vec<String> =
                words("--adapter", adapter)?.iter().map(|word| toml_text(word)).collect();
            settings.push(format!("target.command.run=[{}]", words.join(", ")));
        }
        Ok(settings)
    }

    /// The target, which is not waited for once someone asks to stop. A journal is kept of own pools alone.
    ///
    /// # Errors
    /// What is missing to reach it.
    pub fn target(
        &self,
        model: &Model,
        replication: u64,
        speed: f64,
        journal: Option<PathBuf>,
    ) -> Result<Box<dyn Target>, Failure> {
        let missing = |table: &str, flag: &str| {
            let hint = format!("write [target.{table}] into the model or the experiment, or give {flag}");
            Failure::new(format!("the model does not say how target {table} is reached"), hint)
        };
        let mut own = match self.target {
            TargetName::Http => {
                let settings = model.targets.http.as_ref();
                let settings = settings.ok_or_else(|| missing("http", "--url http://127.0.0.1:8080"))?;
                let mut service = HttpTarget::new(model, settings);
                service.heed(Arc::new(interrupt::asked));
                return Ok(Box::new(service));
            }
            TargetName::Command => {
                let settings = model.targets.command.as_ref();
                let settings =
                    settings.ok_or_else(|| missing("command", "--adapter \"python3 adapter.py\""))?;
                return Ok(Box::new(CommandTarget::start_unless(
                    model,
                    settings,
                    speed,
                    Arc::new(interrupt::asked),
                )?));
            }
            TargetName::Pool => OwnPools::threads(model, replication),
            TargetName::Process => {
                let settings = model.targets.process.as_ref();
                let command = match &self.worker {
                    Some(worker) => words("--worker", worker)?,
                    None => settings.map_or_else(Vec::new, |settings| settings.run.clone()),
                };
                if command.is_empty() {
                    return Err(no_worker().into());
                }
                OwnPools::processes(model, replication, command)
            }
        };
        own.heed(Arc::new(interrupt::asked));
        Ok(Box::new(match journal {
            Some(path) => own.with_journal(path),
            None => own,
        }))
    }
}

/// Neither a flag nor the model says how workers are started.
pub fn no_worker() -> TargetError {
    TargetError {
        text: String::from("target process needs a worker"),
        hint: String::from(
            "give the command of a worker: --worker \"python3 examples/worker.py\", or target.process.run of a model",
        ),
    }
}

/// A text as TOML writes it.
fn toml_text(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A command split into words: at blanks outside quotes.
///
/// # Errors
/// A quote that is not closed; no word at all.
pub fn words(flag: &str, text: &str) -> Result<Vec<String>, Failure> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in text.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err(Failure::new(format!("{flag} {text}: a quote is not closed"), ""));
    }
    words.extend(word);
    if words.is_empty() {
        return Err(Failure::new(format!("{flag} is empty"), "write \"python3 examples/worker.py\""));
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_split_as_a_shell_would() {
        assert_eq!(
            words("--worker", "python3 'my worker.py' --a \"b c\"").ok().unwrap(),
            ["python3", "my worker.py", "--a", "b c"]
        );
        assert!(words("--worker", "a 'b").is_err() && words("--worker", "  ").is_err());
        assert_eq!(words("--worker", "a ''").ok().unwrap(), ["a", ""]);
    }
}
