//! Core modules that no compiler would make.

use m2m_tests::{Ae, beside_bystander, text_ae};

/// The AE runs with `good` and ends by this kind of fault with `bad`; each is the fields of its module and its `init`.
fn check(good: (&str, &str), bad: (&str, &str), kind: &'static str) {
    let aes = [Ae::of("good", &text_ae(good.0, good.1)), Ae::of("bad", &text_ae(bad.0, bad.1))];
    beside_bystander(aes, |node| {
        let report = node.wait_for_life("bad", "failed");
        let kinds: Vec<&str> = report.faults.iter().map(|fault| &*fault.kind).collect();
        assert_eq!(kinds, [kind; 3], "{report:?}");
        let good = node.wait_for_life("good", "running");
        assert_eq!(good.fault_count, 0, "{good:?}");
    });
}

/// Of 64 KiB each: 61 pages are within 4 MiB, 73 are not, though each memory is.
#[test]
fn many_memories() {
    let memories = |pages: u32| format!("(memory {pages}) (memory {pages}) (memory {pages})");
    check((&memories(20), ""), (&memories(24), ""), "memory");
}

#[test]
fn memory_in_small_steps() {
    let grow = "(loop $again
        (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))";
    let grow_some = "(drop (memory.grow (i32.const 63)))";
    check(("", grow_some), ("", grow), "memory");
}

#[test]
fn hog_table() {
    let table = "(table $table 1 funcref)";
    let grow = |by: u32| format!("(drop (table.grow $table (ref.null func) (i32.const {by})))");
    check((table, &grow(9_000)), (table, &grow(20_000)), "table-elements");
}

#[test]
fn many_tables() {
    let tables = |elements: u32| format!("(table {elements} funcref) (table {elements} funcref)");
    check((&tables(5_000), ""), (&tables(5_001), ""), "table-elements");
}

#[test]
fn deep_recursion() {
    let recurse = "(func $recurse (param i32) (result i32)
        (if (result i32) (i32.eqz (local.get 0))
          (then (i32.const 0))
          (else (i32.add (call $recurse (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))))";
    let calls = |depth: i32| format!("(drop (call $recurse (i32.const {depth})))");
    check((recurse, &calls(100)), (recurse, &calls(-1)), "stack");
}

#[test]
fn spin_before_init() {
    let start = |body: &str| format!("(func $start {body}) (start $start)");
    check((&start(""), ""), (&start("(loop $again (br $again))"), ""), "cpu-per-message");
}

#[test]
fn unreachable() {
    check(("", ""), ("", "(unreachable)"), "trap");
}

#[test]
fn unreachable_before_init() {
    check(("", ""), ("(func $start (unreachable)) (start $start)", ""), "instantiation");
}

/// An error that begins in the memory and leaves it, one that is no text, and a result where there is no memory.
#[test]
fn malformed_results() {
    let error = |at: i32, bytes: i32| {
        format!(
            "(i32.store (i32.const 32) (i32.const 1)) (i32.store (i32.const 36) (i32.const {at}))
                 (i32.store (i32.const 40) (i32.const {bytes})) (return (i32.const 32))"
        )
    };
    let text = "(data (i32.const 64) \"\\ff\\fe\")";
    check(("", ""), ("", &error(64, i32::MAX)), "trap");
    check(("", ""), (text, &error(64, 2)), "trap");
    check(("", ""), ("", "(return (i32.const 0x7ffffffc))"), "trap");
}
