//! A box of letters.
const std = @import("std");

/// Most letters in a box.
pub const limit: usize = 64;
var counter: u32 = 0;

/// How letters are sorted.
pub const Order = enum { newest, oldest };

/// A box of letters.
pub fn Box(comptime T: type) type {
    return struct {
        letters: []T,

        const Self = @This();

        /// Sends a letter.
        pub fn send(self: *Self, letter: T) !void {
            self.letters[0] = letter;
        }
    };
}

pub const Stamp = struct {
    value: u8,

    // Makes one.
    pub fn init(value: u8) Stamp {
        return .{ .value = value };
    }
};

export fn main() void {
    std.debug.print("{}", .{limit});
}

test "a box sends" {
    try std.testing.expect(true);
}
