//! The command `chattrix`: reads the command line, does what it says, and leaves with 0 where that
//! is done, 1 where it failed and 2 where the command line was wrong (contract section 7).

use std::process::ExitCode;

use clap::Parser;
use tikv_jemallocator::Jemalloc;

mod cli;

// Many small sessions that come and go are what it is good at: less memory, fewer cycles.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_closed_output() => ExitCode::SUCCESS,
        Err(failure) => failure.tell(),
    }
}
