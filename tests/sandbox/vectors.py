"""A site with each way in which Ansible repeats, leaves out or alters a task, for tests/sandbox/oracle.py."""

from __future__ import annotations

#: Its files, by their paths.
SITE = {
    "group_vars/all.yml": r"""
c: gv_all
d: gv_all
lst: [1, 2, 3]
dct: {x: 1, y: 2}
""",
    "group_vars/web.yml": r"""
d: gv_web
e: gv_web
""",
    "host_vars/web01.yml": r"""
f: hv
""",
    "hosts.yml": r"""
all:
  vars: {a: inv_all, b: inv_all, c: inv_all}
  children:
    web:
      vars: {b: inv_web, c: inv_web, d: inv_web}
      hosts: {web01: {e: inv_host}, web02: {}, web03: {}}
""",
    "more/inc.yml": r"""
- {command: "echo inc {{ outer }} {{ sub | default(0) }}"}
- {include_tasks: sub.yml, vars: {sub: 1}}
""",
    "more/iv.yml": r"""
iv: iv
p: from_iv
""",
    "more/second.yml": r"""
- hosts: web:!web03
  gather_facts: false
  tasks: [{command: 'echo second {{ playbook_dir | basename }} {{ sf | default(1) }}'}]
""",
    "more/sub.yml": r"""
- command: echo sub {{ outer }} {{ sub }}
""",
    "more/text": r"""
text
""",
    "more/vf.yml": r"""
vf: vf
""",
    "roles/base/defaults/main.yml": r"""
bd: base_default
""",
    "roles/base/tasks/main.yml": r"""
- command: echo base {{ bp | default('nobp') }} {{ bd }} {{ rp | default('norp') }}
""",
    "roles/one/defaults/main.yml": r"""
rd: rd
rv: rdv
a: roledefault
""",
    "roles/one/meta/main.yml": r"""
{dependencies: [{role: base, bp: fromone}]}
""",
    "roles/one/tasks/main.yml": r"""
- name: N {{ rp }}
  command: echo one {{ rp }} {{ rd }} {{ rv }} {{ role_name }} {{ role_path | basename }}
  notify: h
- {command: echo x, environment: {E2: "{{ rv }}"}}
""",
    "roles/one/vars/main.yml": r"""
rv: rolevars
b: rolevars_b
""",
    "roles/two/meta/main.yml": r"""
{dependencies: [base]}
""",
    "more/t.j2": r"""
T {{ tv }} {{ inventory_hostname }}
{% for l in lst %}{{ l }}{% endfor %}
""",
    "roles/three/defaults/main.yml": r"""
th: default
""",
    "roles/three/vars/alt.yml": r"""
alt: from_alt
""",
    "roles/three/tasks/main.yml": r"""
- command: echo three {{ each }} {{ th }} {{ applied | default('-') }} {{ alt | default('noalt') }} {{ role_name }}
- include_tasks: "{{ 'more' }}.yml"
- {import_tasks: more.yml, vars: {mv: imported}}
""",
    "roles/three/tasks/more.yml": r"""
- command: echo more {{ mv | default('nomv') }} {{ ansible_role_name }}
""",
    "roles/two/tasks/main.yml": r"""
- command: echo two {{ rp | default("norp") }} {{ b }} {{ rd | default("nord") }}
- meta: end_role
- command: echo unreachable
""",
    "roles/two/tasks/other.yml": r"""
- command: echo two other {{ b }}
""",
    "site.yml": r"""
- hosts: web
  vars: {p: play, qq: "{{ a }}-{{ f | default('nof') }}"}
  vars_files: [more/vf.yml]
  environment: {E1: "{{ p }}"}
  module_defaults:
    ansible.builtin.command: {chdir: /tmp}
  pre_tasks:
    - command: echo pre {{ a }} {{ b }} {{ c }} {{ d }} {{ e | default('-') }} {{ qq }} {{ vf }}
    - {command: "echo {{ inventory_hostname }} {{ groups.web | join(',') }}", run_once: true}
  roles:
    - {role: one, rp: param1}
    - {role: one, rp: param2}
    - two
    - two
  tasks:
    - {command: "echo {{ item }}", loop: "{{ lst }}", when: item != 2}
    - {shell: "echo {{ item.key }}", with_dict: "{{ dct }}"}
    - {command: "echo {{ item }}", with_items: ["{{ lst }}", x]}
    - {command: "echo {{ item }}", with_list: [["{{ lst }}"], x]}
    - {command: "echo {{ item }}", with_fileglob: ["more/*.yml"]}
    - {command: "echo {{ item }}", with_first_found: [nope, more/vf.yml]}
    - {command: "echo {{ item.0 }} {{ item.1 }}", with_indexed_items: [a, b]}
    - set_fact: {sf: "{{ p }}x", "sf2": [1, "{{ a }}"]}
    - {set_fact: {acc: "{{ acc | default([]) + [item] }}"}, loop: [1, 2]}
    - command: echo {{ sf }} {{ sf2 }} {{ acc }}
    - include_vars: more/iv.yml
    - {include_vars: {file: more/iv.yml, name: nested}}
    - command: echo {{ iv }} {{ nested.iv }} {{ p }}
    - block:
        - {command: "echo {{ bv }} {{ tv }}", vars: {tv: "t{{ bv }}"}, delegate_to: web02}
        - {command: "echo always"}
      rescue: [{command: echo rescue}]
      always: [{command: echo al}]
      vars: {bv: block}
      when: inventory_hostname != 'web03'
      tags: [bt]
    - include_tasks: more/inc.yml
      loop: [u, v]
      loop_control: {loop_var: outer}
    - include_tasks: {file: more/inc.yml, apply: {tags: [ap], environment: {Z: z}}}
      vars: {outer: applied}
    - import_tasks: more/inc.yml
      vars: {outer: imported}
      when: inventory_hostname == 'web01'
    - include_role: {name: two}
      vars: {rp: via_include}
    - import_role: {name: two, tasks_from: other}
    - {file: {path: "/x{{ item }}", state: "{{ omit }}", mode: "0600"}, loop: "{{ query('sequence', 'end=2') }}"}
    - {local_action: {module: command, _raw_params: "echo local {{ inventory_hostname }}"}}
    - command: echo {{ ansible_loop.index }} {{ ansible_loop.nextitem | default('none') }} {{ my }}
      loop: [a, b]
      loop_control: {extended: true, index_var: my, label: "l{{ item }}"}
    - command: echo {{ ansible_role_name | default('norole') }} {{ ansible_play_name }} {{ playbook_dir | basename }}
    - command: echo {{ ansible_play_batch }}
    - {command: "echo {{ hostvars['web02'].d }} {{ vars.a }}"}
    - {command: "echo {{ ansible_host }} {{ ansible_user | default('nouser') }} {{ ansible_port | default('noport') }}"}
    - {command: echo never, tags: never}
    - {apt: {name: [a, b], state: present}, become: true, become_user: x, no_log: true}
    - {lineinfile: {path: /a, line: "{{ lookup('file', 'more/text') }}"}}
    - {command: {cmd: "echo {{ p }}", creates: /nope}}
    - {ansible.builtin.command: {argv: [echo, "{{ p }}"]}}
    - command: echo "{{ p }}" creates=/z chdir=/y
    - {debug: {msg: x}, register: dbg}
    - {command: "echo {{ '%s' | format(lst | sum) }} {{ lst | map('string') | join }}"}
    - include_role: {name: three, public: true, apply: {vars: {applied: ap}}, vars_from: alt}
      loop: [r1, r2]
      loop_control: {loop_var: each}
    - command: echo public {{ th | default('private') }}
    - {import_role: {name: three}, when: inventory_hostname == 'web01', vars: {each: imp, applied: no}, tags: [x]}
    - block:
        - block:
            - {command: "echo deep {{ v1 }} {{ v2 }}", vars: {v2: task}}
          vars: {v1: inner, v2: inner}
          when: v3 is defined
        - {command: "echo not {{ v1 }}", when: v3 is undefined}
      vars: {v1: outer, v3: x}
    - command: echo {{ item }} {{ d2 }}
      loop: [1, 2]
      delegate_to: web0{{ item }}
      vars: {d2: "{{ inventory_hostname }}"}
    - {set_fact: {"dyn_{{ inventory_hostname }}": 1, flag: "yes", num: "{{ 1 + 1 }}"}}
    - command: echo {{ lookup('vars', 'dyn_' ~ inventory_hostname) }} {{ flag }} {{ num + 1 }}
    - {include_vars: more/iv.yml, when: false}
    - {command: "echo {{ lookup('template', 'more/t.j2') }}", vars: {tv: "{{ p }}"}}
    - {command: "echo {{ query('items', lst) }} {{ lookup('dict', dct) }} {{ lookup('sequence', 'count=2') }}"}
    - {command: "echo {{ item }}", with_nested: [[a, b], "{{ lst }}"]}
    - command: echo {{ item.0.k }}{{ item.1 }}
      with_subelements: ["{{ subs }}", l]
      vars: {subs: [{k: a, l: [1, 2]}]}
    - {command: "echo {{ item }}", loop: "{{ dct | dict2items }}", when: [item.value > 1, "'x' not in item.key"]}
    - {command: "echo {{ item }}", loop: [1, 2, 3], until: false, retries: 0, register: un}
    - {command: "echo omit", args: {chdir: "{{ nothing | default(omit) }}", creates: /q}}
    - action: command echo old style {{ p }}
    - {name: "named {{ p }}", ansible.builtin.shell: "echo $HOME {{ p | quote }}", args: {executable: /bin/bash}}
    - {service: {name: x, use: systemd, state: started}}
    - {package: {name: y, use: apt}}
    - {assert: {that: [p is defined, "lst | length == 3"]}}
    - {command: "echo {{ undefined_var }}", when: false}
    - block:
        - {command: echo as other, become_user: "{{ inventory_hostname }}u", environment: {E3: "{{ lst[0] }}", E1: own}}
        - {command: echo as root, vars: {ansible_become_user: "{{ 'by' }}var"}}
        - {command: echo as nobody, become: false}
      become: true
      environment: [{E2: block}, "{{ {'E4': p} }}"]
    - {command: "echo {{ item }}", loop: [x, y], environment: {I: "{{ item }}"}, become: "{{ item == 'x' }}"}
    - {command: "echo tagged", tags: [a, "{{ p }}"]}
    - {meta: end_host, when: inventory_hostname == 'web02'}
    - command: echo not web02
  post_tasks:
    - command: echo post
  handlers: [{name: h, command: echo h}]
- import_playbook: more/second.yml
""",
}
