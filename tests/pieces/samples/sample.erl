-module(post_box).
-export([send/2, join/2]).

-define(LIMIT, 64).
-define(MAX(A, B), erlang:max(A, B)).

-record(box, {letters = [], size = 0}).
-type letters() :: [letter()].

%% Sends a letter.
-spec send(#box{}, letter()) -> #box{}.
send(Box, Letter) when is_list(Letter) ->
    Box#box{letters = [Letter | Box#box.letters]};
send(Box, _) ->
    Box.

% Joins two boxes.
join(A, B) -> A ++ B.
