//! Bounded map of entries that were used recently.

use std::collections::HashMap;
use std::hash::Hash;
use std::mem;

/// Bounded map in two generations: when the newer one is full it becomes the older one, whose entries are dropped unless
/// they are used again. It allocates nothing in advance.
pub(crate) struct RecentMap<K, V> {
    generation: usize,
    newer: HashMap<K, V>,
    older: HashMap<K, V>,
}

impl<K: Hash + Eq, V> RecentMap<K, V> {
    /// Makes an empty map of two times `generation` entries at most.
    pub fn new(generation: usize) -> Self {
        Self {
            generation,
            newer: HashMap::new(),
            older: HashMap::new(),
        }
    }

    /// Returns the value of `key`, and marks it as used.
    pub fn get(&mut self, key: &K) -> Option<&V> {
        if !self.older.is_empty()
            && let Some((key, value)) = self.older.remove_entry(key)
        {
            self.insert(key, value);
        }
        self.newer.get(key)
    }

    /// Sets the value of `key`.
    pub fn insert(&mut self, key: K, value: V) {
        if self.newer.len() >= self.generation {
            self.older = mem::take(&mut self.newer);
        }
        self.older.remove(&key);
        self.newer.insert(key, value);
    }

    /// Removes the value of `key`.
    pub fn remove(&mut self, key: &K) {
        self.newer.remove(key);
        self.older.remove(key);
    }

    /// Removes all values.
    pub fn clear(&mut self) {
        self.newer = HashMap::new();
        self.older = HashMap::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn map_is_bounded_and_keeps_what_is_used() {
        let mut map = RecentMap::new(4);
        map.insert(0, "used");
        for key in 1..100 {
            map.insert(key, "once");
            assert_eq!(map.get(&0), Some(&"used"));
            assert!(map.newer.len() + map.older.len() <= 8);
        }
        assert_eq!(map.get(&1), None);
    }

    #[test]
    fn removed_values_are_gone_from_both_generations() {
        let mut map = RecentMap::new(2);
        for key in 0..3 {
            map.insert(key, key);
        }
        map.remove(&0);
        map.remove(&2);
        assert_eq!(
            [0, 1, 2].map(|key| map.get(&key).copied()),
            [None, Some(1), None]
        );
        map.clear();
        assert_eq!(map.get(&1), None);
    }
}
