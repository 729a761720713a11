/** Inputs for a value, by the type of its field. What cannot be sent is said below, as soon as something was entered. */
import type { FieldSchema } from "@tidelock/core";
import { type KeyboardEvent, type ReactNode, type RefObject, useId } from "react";
import type { EditorInput, Parsed } from "./editing.ts";
import { readable } from "./names.ts";

interface ValueEditorProps {
  readonly field: FieldSchema;
  readonly input: EditorInput;
  readonly parsed: Parsed;
  readonly inputRef: RefObject<HTMLElement | null>;
  readonly onChange: (input: EditorInput) => void;
  readonly onSubmit: () => void;
  readonly onCancel: () => void;
}

export function ValueEditor(props: ValueEditorProps): ReactNode {
  const { field, input, parsed, onChange, onSubmit, onCancel } = props;
  const id = useId();
  const problem = parsed.kind === "problem" ? parsed.problem : null;
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === "Escape") {
      event.preventDefault();
      onCancel();
    } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey || !isMultiline(field))) {
      if (event.nativeEvent.isComposing) return;
      event.preventDefault();
      event.stopPropagation();
      onSubmit();
    }
  };
  return (
    <div className="editor" onKeyDown={onKeyDown}>
      <Input {...props} describedBy={problem === null ? undefined : id} />
      {field.optional ? (
        <label className="editor-nothing">
          <input
            type="checkbox"
            checked={input.isNothing}
            onChange={(event) => onChange({ ...input, isNothing: event.target.checked })}
          />
          No value
        </label>
      ) : null}
      {problem === null ? null : (
        <p id={id} className="editor-problem" role="alert">
          {problem}
        </p>
      )}
      <p className="editor-keys">
        {isMultiline(field) ? (
          <>
            <kbd>Ctrl</kbd> <kbd>Enter</kbd> decides
          </>
        ) : (
          <>
            <kbd>Enter</kbd> decides
          </>
        )}
        , <kbd>Esc</kbd> leaves
      </p>
    </div>
  );
}

function isMultiline({ type }: FieldSchema): boolean {
  return type === "string" || type === "json";
}

type InputProps = ValueEditorProps & { readonly describedBy: string | undefined };

function Input({ field, input, parsed, inputRef, onChange, describedBy }: InputProps): ReactNode {
  const change = (text: string): void => onChange({ text, isNothing: false });
  const common = {
    "aria-label": `Another value for ${readable(field.name)}`,
    "aria-invalid": parsed.kind === "problem",
    "aria-describedby": describedBy,
    "value": input.isNothing ? "" : input.text,
    "onChange": (event: { target: { value: string } }) => change(event.target.value),
  };
  switch (field.type) {
    case "string":
    case "json":
      return (
        <textarea
          {...common}
          ref={inputRef as RefObject<HTMLTextAreaElement | null>}
          className={field.type === "json" ? "is-code" : ""}
          dir={field.type === "json" ? "ltr" : "auto"}
          rows={3}
          spellCheck={field.type === "string"}
        />
      );
    case "enum":
      return <Words {...{ field, input, change, inputRef }} words={field.values} />;
    case "boolean":
      return <Words {...{ field, input, change, inputRef }} words={["true", "false"]} labels={["Yes", "No"]} />;
    default: {
      const type = field.type === "timestamp" ? "datetime-local" : "text";
      const mode = field.type === "integer" ? "numeric" : field.type === "number" ? "decimal" : undefined;
      return (
        <input
          {...common}
          ref={inputRef as RefObject<HTMLInputElement | null>}
          type={type}
          inputMode={mode}
          step="any"
          autoComplete="off"
        />
      );
    }
  }
}

interface WordsProps {
  readonly field: FieldSchema;
  readonly input: EditorInput;
  readonly change: (text: string) => void;
  readonly inputRef: RefObject<HTMLElement | null>;
  readonly words: readonly string[];
  readonly labels?: readonly string[];
}

/** Radio buttons: the first that is chosen, or else the first of all, takes the focus. */
function Words({ field, input, change, inputRef, words, labels = words.map(readable) }: WordsProps): ReactNode {
  const name = useId();
  const chosen = input.isNothing ? -1 : words.indexOf(input.text);
  return (
    <div className="editor-words" role="radiogroup" aria-label={`Another value for ${readable(field.name)}`}>
      {words.map((word, index) => (
        <label key={word}>
          <input
            ref={index === Math.max(0, chosen) ? (inputRef as RefObject<HTMLInputElement | null>) : undefined}
            type="radio"
            name={name}
            checked={index === chosen}
            onChange={() => change(word)}
          />
          <bdi>{labels[index]}</bdi>
        </label>
      ))}
    </div>
  );
}
