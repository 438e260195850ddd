import React from 'react';

/** Shows the link to the handbook. */
export function HandbookLink() {
  return (
    <a href="https://example.org/view?space=A&title=B">
      Handbook
    </a>
  );
}

/** A button that adds a machine. */
export const AddMachine = (props: Props) => {
  return <Button {...props}>Add machine & start tour</Button>;
};

/** A card with a shadow. */
export const Card = React.memo(({ title, children }: CardProps) => {
  return <div title={title}>{children}</div>;
});

/** A field that takes the focus. */
export const Field = forwardRef<HTMLInputElement, FieldProps>(function Field(props, ref) {
  return <input ref={ref} {...props} />;
});

const Both = memo(forwardRef((props: Props, ref) => <b ref={ref}>{props.a}</b>));
