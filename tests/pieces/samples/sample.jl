module Post

using Base: push!

"Most letters in a box."
const LIMIT = 64

abstract type Sender end

"""
A box of letters.
"""
mutable struct Box{T} <: Sender
    letters::Vector{T}
    size::Int
end

"""
    send!(box, letter)

Sends a letter.
"""
function send!(box::Box{T}, letter::T) where {T}
    push!(box.letters, letter)
    return box
end

# Joins two boxes.
join(a::Box, b::Box) = Box([a.letters; b.letters], a.size + b.size)

function Base.length(box::Box)
    box.size
end

macro letter(x)
    :(Letter($x))
end

@enum Order newest oldest

end # module
