// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

/// Who sends.
interface Sender {
    function send(uint letter) external;
}

/// A box of letters.
contract Box is Sender {
    uint constant LIMIT = 64;
    event Sent(uint letter);
    struct Stamp { uint value; }
    enum Order { Newest, Oldest }

    modifier onlyOwner() { _; }

    constructor(uint size) { limit = size; }

    /// Sends a letter.
    function send(uint letter) external override onlyOwner {
        emit Sent(letter);
    }
}

library Joins {
    function join(uint a, uint b) internal pure returns (uint) { return a + b; }
}
