(* A box of letters. *)
open Printf

(** Most letters in a box. *)
let limit = 64

type order = Newest | Oldest

(** A box of letters. *)
type 'a box = {
  letters : 'a list;
  size : int;
}

exception Full of string

(** Sends a letter. *)
let send box letter =
  { box with letters = letter :: box.letters }

let rec length = function
  | [] -> 0
  | _ :: rest -> 1 + length rest

and double x = 2 * x

module Office = struct
  let name = "office"

  (* Opens it. *)
  let open_ () =
    printf "open\n"
end

module type SENDER = sig
  val send : 'a box -> 'a -> unit
end

class stamp value = object
  method value = value
end

let ( ++ ) a b = send a b

let () = print_endline "done"
