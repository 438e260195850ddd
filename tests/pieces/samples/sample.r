library(stats)

# Most letters in a box.
LIMIT <- 64

#' Sends a letter.
#'
#' @param letter a letter
#' @export
send_letter <- function(box, letter) {
  box$letters <- c(box$letters, letter)
  box
}

join = function(a, b) c(a, b)

print.box <- function(x, ...) {
  cat("box\n")
}

setClass("Box", representation(letters = "list"))

setMethod("length", "Box", function(x) {
  length(x@letters)
})

Box <- R6Class("Box", public = list(
  size = 0,
  #' Adds.
  add = function(letter) {
    self$size <- self$size + 1
  }
))
