//! The command `chattrix`. Exit codes: 0 success, 1 error, 2 usage error (contract section 7).

use std::process::ExitCode;
use std::time::Duration;

use tikv_jemallocator::Jemalloc;

mod cli;

// With many small, short-lived sessions it needs less memory and fewer cycles than the system allocator.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// How long a server that fails waits until its error is written.
const ERROR_TIME: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let cli = cli::Cli::parse_arguments();
    let is_server = cli.is_server();
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_closed_output() => ExitCode::SUCCESS,
        // A server must exit, and be started again, also if nobody reads its log.
        Err(failure) if is_server => failure.tell_within(ERROR_TIME),
        Err(failure) => failure.tell(),
    }
}
