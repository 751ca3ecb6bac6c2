//! Posts in the table `posts`: what this node has posted, and what it reads of the others.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rusqlite::params;

use super::Node;
use crate::store::Read;
use crate::store::engine::Conn;
use crate::store::error::Error;
use crate::store::post::{NodeKey, Post};

/// Interval at which a node looks for posts, in case a notification was lost.
pub(in crate::store) const LOOK: Duration = Duration::from_millis(250);

/// Receives a post of another node, on the writer's thread and in the order of the commits; returns what this node posts
/// in return.
pub type PostReceiver = Box<dyn Fn(NodeKey, Post) -> Vec<Post> + Send + Sync>;

/// Row of the table `posts`.
pub(in crate::store) struct PostRow {
    seq: i64,
    node: NodeKey,
    body: String,
}

impl Node {
    /// Reads the posts since the last that was received; none before there is a receiver.
    pub fn posts(&self) -> Result<Vec<PostRow>, Error> {
        if self.standing.receiver.get().is_none() {
            return Ok(Vec::new());
        }
        Read::on(&self.session).many(
            "SELECT seq, node, CASE WHEN node = ?2 THEN '' ELSE body END AS body
             FROM posts WHERE seq > ?1 ORDER BY seq",
            params![self.last_post, self.standing.key],
            |row| {
                Ok(PostRow {
                    seq: row.get("seq")?,
                    node: row.get("node")?,
                    body: row.get("body")?,
                })
            },
        )
    }

    /// Hands `posts` to the receiver, each once.
    pub fn receive(&mut self, posts: Vec<PostRow>) {
        let Some(receive) = self.standing.receiver.get() else {
            return;
        };
        for PostRow { seq, node, body } in posts {
            if seq <= self.last_post {
                continue;
            }
            self.last_post = seq;
            if node == self.standing.key {
                continue;
            }
            self.standing.has_others.store(true, Ordering::Relaxed);
            let posts = Post::all_of(&body).unwrap_or_else(|error| vec![Err(error)]);
            for post in posts {
                match post {
                    Ok(post) => {
                        // It may have had the duties.
                        self.is_look_due |= post == Post::NodeLeft;
                        self.replies.extend(receive(node, post));
                    }
                    Err(error) => {
                        tracing::error!(%error, node, "a post of another node is unreadable");
                    }
                }
            }
        }
    }

    /// Returns whether this node has something to post in return for the posts of others.
    pub fn has_replies(&self) -> bool {
        !self.replies.is_empty()
    }

    /// Writes the post of the transaction: `posts`, and what this node posts in return for others. Returns whether there
    /// was anything.
    pub fn post(&self, posts: impl Iterator<Item = Post>) -> Result<bool, Error> {
        if !self.standing.has_others() {
            return Ok(false);
        }
        let posts: Vec<Post> = self.replies.iter().cloned().chain(posts).collect();
        if posts.is_empty() {
            return Ok(false);
        }
        write_posts(Conn::from(&self.session), self.standing.key, &posts)?;
        Ok(true)
    }

    /// Notifies the other nodes if there is a post that they were not notified of. With `more` to come, the next
    /// transaction notifies of this one too. The listener ignores what this node's own connection notifies of.
    ///
    /// Outside a transaction: within one, all transactions on that PostgreSQL that notify of something would wait for its
    /// COMMIT.
    pub fn notify(&mut self, more: bool) {
        if self.notification.is_to_be_sent(more) {
            self.session.send_now("NOTIFY chattrix");
        }
    }
}

/// Notification of the other nodes, which may wait for one more transaction.
#[derive(Default)]
pub(super) struct Notification {
    /// Whether there is a post that they were not notified of.
    pub is_due: bool,
    has_waited: bool,
}

impl Notification {
    fn is_to_be_sent(&mut self, more: bool) -> bool {
        let waits = self.is_due && more && !self.has_waited;
        let is_sent = self.is_due && !waits;
        self.is_due = waits;
        self.has_waited = waits;
        is_sent
    }
}

pub(super) fn write_posts(conn: Conn<'_>, key: NodeKey, posts: &[Post]) -> Result<(), Error> {
    conn.run(
        "INSERT INTO posts (node, body) VALUES (?1, ?2)",
        params![key, Post::text_of(posts)].into(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notification_waits_for_one_transaction_at_most() {
        let mut notification = Notification::default();
        assert!(!notification.is_to_be_sent(true) && !notification.is_to_be_sent(false));
        notification.is_due = true;
        assert!(notification.is_to_be_sent(false));
        assert!(!notification.is_to_be_sent(false), "it was sent");
        notification.is_due = true;
        assert!(!notification.is_to_be_sent(true), "more is to come");
        assert!(notification.is_to_be_sent(true));
    }
}
