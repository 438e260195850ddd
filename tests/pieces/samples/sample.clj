(ns post.box
  (:require [clojure.string :as str]))

;; Most letters in a box.
(def limit 64)

(defonce ^:private state (atom {}))

(defrecord Box [letters size])

(defprotocol Sender
  (send-letter [this letter]))

(defn join
  "Joins two boxes."
  [a b]
  (concat (:letters a) (:letters b)))

(defn- helper [x] (inc x))

(defmacro letter [x]
  `(->Letter ~x))

(defmulti area :shape)
(defmethod area :circle [c] (* 3 (:r c)))

(deftest box-sends
  (is (= 1 1)))

#?(:clj (defn only-clj [] 1))

(comment
  (join 1 2))
