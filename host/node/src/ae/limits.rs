//! Memory and table limits, summed over everything that one store holds.

use wasmtime::ResourceLimiter;

use crate::engine::{CORE_INSTANCES_MAX, MEMORIES_MAX, TABLES_MAX};
use crate::fault::Fault;

/// Counts what a store's memories and tables hold together: many small ones are worth as much as a large one.
#[derive(Debug)]
pub(crate) struct StoreLimits {
    memory_bytes_max: u64,
    memory_bytes: u64,
    table_elements_max: u64,
    table_elements: u64,
}

impl StoreLimits {
    pub(crate) fn new(memory_bytes_max: u64, table_elements_max: u64) -> Self {
        Self { memory_bytes_max, memory_bytes: 0, table_elements_max, table_elements: 0 }
    }

    pub(crate) fn memory_bytes(&self) -> u64 {
        self.memory_bytes
    }
}

impl ResourceLimiter for StoreLimits {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let grown = self.memory_bytes.saturating_add(desired.saturating_sub(current) as u64);
        if grown > self.memory_bytes_max {
            return Err(Fault::Memory { limit_bytes: self.memory_bytes_max }.into());
        }
        // Past its own declared maximum it is answered -1 and takes nothing.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.memory_bytes = grown;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let grown = self.table_elements.saturating_add(desired.saturating_sub(current) as u64);
        if grown > self.table_elements_max {
            return Err(Fault::TableElements { limit: self.table_elements_max }.into());
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.table_elements = grown;
        Ok(true)
    }

    /// A growth that was granted and then failed is no fault of the guest's: it is answered -1 and the sum stays an upper bound.
    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        Ok(())
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES_MAX
    }

    fn tables(&self) -> usize {
        TABLES_MAX
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_are_summed() {
        let mut limits = StoreLimits::new(128, 10);
        assert!(limits.memory_growing(0, 64, None).unwrap());
        assert!(limits.memory_growing(0, 64, None).unwrap());
        let refused = limits.memory_growing(64, 65, None).unwrap_err();
        assert_eq!(refused.downcast_ref(), Some(&Fault::Memory { limit_bytes: 128 }));
    }

    #[test]
    fn a_growth_past_its_own_maximum_is_answered_and_counts_nothing() {
        let mut limits = StoreLimits::new(128, 10);
        assert!(!limits.memory_growing(0, 64, Some(32)).unwrap());
        assert!(limits.memory_growing(0, 128, None).unwrap());
    }

    #[test]
    fn tables_are_summed() {
        let mut limits = StoreLimits::new(0, 10);
        assert!(limits.table_growing(0, 10, None).unwrap());
        let refused = limits.table_growing(0, 1, None).unwrap_err();
        assert_eq!(refused.downcast_ref(), Some(&Fault::TableElements { limit: 10 }));
    }
}
