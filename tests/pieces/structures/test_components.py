"""Vue, Svelte and Astro."""

from adjoin.pieces.structures.components import Block, blocks_of


def test_vue() -> None:
    lines = ["<template>", "  <p/>", "</template>", '<script setup lang="ts">', "let a", "</script>"]
    lines += ["<style scoped>", ".a {}", "</style>", "<docs>", "x", "</docs>"]
    assert list(blocks_of(lines, "vue")) == [
        Block(0, 3, "template"),
        Block(4, 5, "script", "typescript"),
        Block(7, 8, "style", "css"),
        Block(9, 12, "template"),
    ]


def test_svelte_without_an_end() -> None:
    assert list(blocks_of(["<script>", "let a"], "svelte")) == [Block(1, 2, "script", "javascript")]


def test_astro_front_matter_is_typescript() -> None:
    assert list(blocks_of(["---", "let a", "---", "<p/>"], "astro")) == [
        Block(1, 2, "script", "typescript"),
        Block(3, 4, "template"),
    ]


def test_script_on_one_line_stays_in_the_template() -> None:
    assert list(blocks_of(["<script src='x'></script>", "<p/>"], "vue")) == [Block(0, 2, "template")]


def test_many_openings_take_linear_time() -> None:
    from growth import assert_linear

    lines = ["<script>"] * 20_000
    assert_linear(lambda size: list(blocks_of(lines[:size], "vue")), len(lines))
