//! The `poolsim` command: a thin door to [`poolsim::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    poolsim::cli::main(std::env::args_os())
}
