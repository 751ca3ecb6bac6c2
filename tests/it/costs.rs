//! Database cost of a whole call: SQL statements and pages of the write-ahead log.

use std::path::Path;

use crate::support::TestServer;

/// Most statements and pages of a call that was answered and ended.
const MOST_STATEMENTS: u64 = 9;
const MOST_PAGES: usize = 10;

/// Statements that the writer has run.
async fn statements(server: &TestServer) -> u64 {
    server.metric("chattrix_writer_statements_total").await
}

/// The generation of the write-ahead log and its pages (sqlite.org/fileformat.html, section 4.1).
fn log(database: &Path) -> (Vec<u8>, usize) {
    let log = std::fs::read(database.with_extension("db-wal")).expect("the log");
    let generation = log[16..24].to_vec();
    let page = log[8..12].try_into().expect("four bytes");
    let page = usize::try_from(u32::from_be_bytes(page)).expect("a page fits in memory");
    let frames = log[32..].chunks_exact(24 + page);
    let pages = frames.take_while(|frame| frame[8..16] == generation);
    let pages = pages.count();
    (generation, pages)
}

#[rocket::async_test]
async fn a_whole_call_takes_few_statements_and_pages() {
    let server = TestServer::start().await;
    let [alice, bob] = ["alice", "bob"].map(|user| server.sign_in(user));
    let _sockets = (alice.socket().await, bob.socket().await);
    let mut costs = Vec::new();
    for _ in 0..8 {
        let ((before, first_page), first) = (log(&server.database()), statements(&server).await);
        let call = alice.call("bob").await;
        bob.accept(&call).await.success(200);
        alice.end(&call).await.success(200);
        let ((after, last_page), last) = (log(&server.database()), statements(&server).await);
        // A checkpoint may begin the log again.
        if before == after {
            costs.push((last - first, last_page - first_page));
        }
    }
    let statements = costs.iter().map(|(statements, _)| *statements).min();
    let pages = costs.iter().map(|(_, pages)| *pages).min();
    println!("statements: {statements:?}, pages: {pages:?} of {costs:?}");
    assert!(statements.expect("a call") <= MOST_STATEMENTS, "{costs:?}");
    assert!(pages.expect("a call") <= MOST_PAGES, "{costs:?}");
}
