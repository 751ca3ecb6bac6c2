//! The command `chattrix`. Exit codes: 0 success, 1 error, 2 usage error (contract section 7).

use std::process::ExitCode;

use clap::Parser;
use tikv_jemallocator::Jemalloc;

mod cli;

// With many small, short-lived sessions it needs less memory and fewer cycles than the system allocator.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_closed_output() => ExitCode::SUCCESS,
        Err(failure) => failure.tell(),
    }
}
