/** Show a list of items, the newest above. */
export function View({ items }: Props): JSX.Element {
  const sorted = [...items].reverse();
  return <ul>{sorted.map((item) => <li key={item.id}>{item.name}</li>)}</ul>;
}
